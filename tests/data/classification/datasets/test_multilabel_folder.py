"""Images with several labels from a folder and its table, and what can be wrong."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf.data import decoded
from mixdmt_tf.data.classification import datasets, splits
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.classification.pipeline import Pipeline
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.data.classification.source import Images
from mixdmt_tf.errors import UsageError, UserError
from tests.cli import commands
from tests.data.classification import labeled_digits, made_up

VALUE = {"1": 1, "0": 0, "": -1}


def config(root, **settings):
    settings = {"image_size": 8, **settings}
    return Config(dataset="multilabel_folder", data_dir=str(root), **settings)


@pytest.fixture(name="digits", scope="module")
def fixture_digits(tmp_path_factory):
    root = tmp_path_factory.mktemp("digits")
    return root, labeled_digits.write(root)


def test_labels_are_those_of_the_table(digits):
    """Rows are sorted paths; what the table doesn't name is unlabelled."""
    root, cells = digits
    source = datasets.load(config(root))
    assert source.several_labels and source.class_names == labeled_digits.NAMES
    files = sorted(root.rglob("*.png"))
    names = [path.relative_to(root).as_posix() for path in files]
    train = [name for name in names if cells.get(name, ["train"])[0] != "test"]
    expected = [[VALUE[v] for v in cells[n][1:]] for n in train if n in cells]
    known = [row for row, name in enumerate(train) if name in cells]
    assert source.train.labels.dtype == np.int32
    np.testing.assert_array_equal(source.train.labels[known], expected)
    others = np.setdiff1d(np.arange(len(train)), known)
    assert len(others) == 10 and (source.train.labels[others] == -1).all()
    assert len(source.train) == 80 and len(source.test) == 20
    picture = np.asarray(Image.open(root / train[7]))
    np.testing.assert_array_equal(source.train.images[7][..., 0], picture)
    assert source.default_labels == source.train.known.sum() == 60
    assert source.notes == ("10 images that labels.csv does not name are unlabelled",)
    assert (source.flip, source.crop_padding, source.validation) == (True, 1, None)


def test_splits_take_labelled_images_and_leave_the_others_unlabelled(digits):
    source = datasets.load(config(digits[0]))
    split = splits.make_split(source, 30, 10, seed=1)
    known = source.train.known
    assert known[split.labeled].all() and known[split.validation].all()
    assert len(split.labeled) == 30 and len(split.validation) == 10
    assert len(split.unlabeled) == 40 and (~known[split.unlabeled]).sum() == 20
    more = splits.make_split(source, 40, 10, seed=1)
    np.testing.assert_array_equal(more.labeled[:30], split.labeled)
    np.testing.assert_array_equal(more.validation, split.validation)
    text = splits.describe(split, source)
    even = (source.train.labels[split.labeled][:, 0] == 1).sum()
    assert text.splitlines()[0].split() == [
        *("label", "labelled", "unlabelled", "validation", "test")
    ]
    assert text.splitlines()[1].split()[:2] == ["even", str(even)]
    assert text.splitlines()[5].split() == ["images", "30", "40", "10", "20"]
    with pytest.raises(UsageError, match="only 60 training images with a label"):
        splits.make_split(source, 61, 0, seed=1)


def test_batches_have_a_row_of_labels_for_each_image(digits):
    source = datasets.load(config(digits[0]))
    split = splits.make_split(source, 30, 0, seed=1)
    recipe = Recipe(indices=True)
    batch = Pipeline(source, split, recipe, seed=1, batch=8).at(3)
    ids = split.labeled[batch["x_index"]]
    np.testing.assert_array_equal(batch["y"], source.train.labels[ids])
    assert batch["y"].shape == (8, 4)


def test_weights_are_of_training_images(digits, tmp_path):
    root, cells = digits
    table = tmp_path / "w.csv"
    first = next(name for name in cells if cells[name][0] == "train")
    table.write_text(f"file,weight\n{first},3\n")
    source = datasets.load(config(root, weights_csv=str(table)))
    assert sorted(set(source.train.weights)) == [1, 3]
    test = next(name for name in cells if cells[name][0] == "test")
    table.write_text(f"file,weight\n{test},3\n")
    with pytest.raises(UserError, match=f"line 2: {test} is no training image"):
        datasets.load(config(root, weights_csv=str(table)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,a\nx.png,2\n", "labels.csv, line 2: a is 2; expected 1, 0, or nothing"),
        ("file,a\nx.png,yes\n", "line 2: a is yes; expected"),
        ("file,split,a\nx.png,dev,1\n", "line 2: split dev; expected train, val or"),
        ("file,a\nx.png,1\n./x.png,0\n", "line 3: x.png occurs already on line 2"),
        ("file,split,a\nx.png,test,\n", "line 2: an image of test without any label"),
        ("file,split\nx.png,train\n", "has 0 columns of labels; expected 1 to"),
        ("name,a\nx.png,1\n", "line 1: expected a column 'file'; found name, a"),
        ('file,"a\nb"\nx.png,1\n', "the label 'a.nb' has control characters"),
    ],
)
def test_wrong_tables_are_refused_before_an_image_is_read(tmp_path, text, message):
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        datasets.find(config(tmp_path))


def test_images_that_are_not_there_are_named_with_their_row(tmp_path, monkeypatch):
    """Before the others are read."""
    Image.new("L", (8, 8)).save(tmp_path / "x.png")
    (tmp_path / "labels.csv").write_text("file,a\nx.png,1\ny.png,0\n")
    with monkeypatch.context() as patched:
        patched.setattr(decoded, "decode", None)
        with pytest.raises(UserError, match=r"line 3: there is no .* image y.png in"):
            datasets.load(config(tmp_path))
    (tmp_path / "labels.csv").write_text("file,a\nx.png,\n")
    with pytest.raises(UserError, match="no training image that can be used has a"):
        datasets.load(config(tmp_path))


def test_missing_folders_and_tables_are_refused(tmp_path):
    with pytest.raises(UsageError, match="needs --data_dir=DIR"):
        datasets.find(config(""))
    with pytest.raises(UserError, match="there is no labels.csv; expected one"):
        datasets.find(config(tmp_path))


@pytest.mark.parametrize(
    "flag", ["labeled_classes", "unlabeled_classes", "unlabeled_dataset"]
)
def test_labels_are_no_classes_to_choose_from(flag):
    with pytest.raises(UsageError, match=f"--{flag}: the labels of"):
        config("somewhere", **{flag: "digits"})


def test_labels_of_another_kind_are_refused():
    images = made_up.images([0, 1])
    for labels in (np.zeros((2, 2, 2), np.int32), np.zeros((3, 2), np.int32)):
        with pytest.raises(ValueError, match="labels: expected int32"):
            Images(images.images, labels)
    for labels in ([[0, 1, 2], [0, 0, 0]], [[0, 1], [0, 0]], [[-2, 1, 0], [0, 0, 0]]):
        wrong = Images(images.images, np.array(labels, np.int32))
        with pytest.raises(ValueError, match="train labels: expected 0, 1 or -1"):
            made_up.source(train=wrong)


def test_methods_for_one_class_are_refused_without_tensorflow(digits, tmp_path):
    flags = ["--dataset=multilabel_folder", f"--data_dir={digits[0]}"]
    flags += [f"--workdir={tmp_path / 'run'}"]
    done = commands.without_tensorflow("train", "--algorithm=dmt", *flags)
    assert done.returncode == 2 and not list(tmp_path.iterdir())
    assert "--algorithm=dmt learns one class an image" in done.stderr
    assert "realmix, supervised" in done.stderr
    done = commands.without_tensorflow(
        "train", "--algorithm=realmix", "--ood_rate=auto", *flags
    )
    assert done.returncode == 2 and "--ood_rate=auto: the mask" in done.stderr
