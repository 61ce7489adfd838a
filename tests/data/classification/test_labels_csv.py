"""Labels from CSV files, as spreadsheets save them."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf.data import csv_rows
from mixdmt_tf.data.classification import datasets, labels_csv, splits
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.errors import UsageError, UserError


def paint(root, *names):
    """Plain images; the grey value of the n-th is n."""
    for value, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (6, 5), value).save(path)


@pytest.fixture
def photos(tmp_path):
    """Two labelled images and four others, one of which looks like a formula."""
    paint(
        tmp_path / "photos",
        "labeled/=cat/a.png",
        "labeled/dog/b.png",
        "unlabeled/c.png",
        "unlabeled/deep/d.png",
        "unlabeled/e.png",
        "unlabeled/=1+1.png",
    )
    return tmp_path / "photos"


def config(photos, text, encoding="utf-8", **settings):
    path = photos.parent / "labels.csv"
    path.write_bytes(text.encode(encoding))
    return Config(
        dataset="folder", data_dir=str(photos), labels_csv=str(path), **settings
    )


def classes(source):
    return dict(zip(source.names, source.train.labels.tolist()))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_as_spreadsheets_save_it(separator, encoding, ending, photos):
    lines = ["file,guess,Label", "unlabeled/c.png,x,dog", '"unlabeled/e.png",x,', ","]
    lines += ["unlabeled/deep/d.png,x, '=cat ", "unlabeled/=1+1.png"]
    text = ending.join(line.replace(",", separator) for line in lines)
    found = config(photos, text, encoding)
    datasets.find(found)
    source = datasets.load(found)
    assert source.class_names == ("=cat", "dog")
    assert classes(source) == {
        "labeled/=cat/a.png": 0,
        "labeled/dog/b.png": 1,
        "unlabeled/=1+1.png": -1,
        "unlabeled/c.png": 1,
        "unlabeled/deep/d.png": 0,
        "unlabeled/e.png": -1,
    }
    assert "2 images; 2 of its rows have no label" in source.notes[-1]
    assert source.default_labels == 4  # all that are known
    split = splits.make_split(source, None, 0, seed=1)
    assert sorted(split.labeled.tolist()) == [0, 1, 3, 4]
    assert split.unlabeled.tolist() == [2, 5]


def test_names_as_the_command_escapes_them(photos):
    text = "file,label\n'=1+1.png,dog\nunlabeled/=1+1.png,dog\n"
    rows = labels_csv.read(config(photos, text).labels_csv)
    assert [(row.file, row.label) for row in rows] == [
        ("'=1+1.png", "dog"),
        ("unlabeled/=1+1.png", "dog"),
    ]
    labels_csv.require_known(rows, ["dog"], ["=1+1.png", "unlabeled/=1+1.png"])


def test_other_labels_make_other_data(photos):
    """So that no run goes on with them."""
    first = datasets.load(config(photos, "file,label\nunlabeled/c.png,dog\n"))
    again = datasets.load(config(photos, "label,file\ndog,unlabeled/c.png\n"))
    other = datasets.load(config(photos, "file,label\nunlabeled/c.png,=cat\n"))
    assert first.fingerprint() == again.fingerprint() != other.fingerprint()


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "has no rows; expected the columns file, label"),
        ("name,label\na,b\n", "expected a column 'file'; found name, label"),
        (
            "file,label\nunlabeled/c.png,\nunlabeled/c.png,dgo\n",
            "line 3: there is no class 'dgo'; expected one of =cat, dog\ndid you mean",
        ),
        (
            "file,label\nunlabeled/x.png,dog\nunlabeled/y.png,\n",
            "line 2: there is no image unlabeled/x.png that can be used, nor those of",
        ),
        ("file,label\n../labels.csv,dog\n", "there is no image ../labels.csv"),
        ('file,label\n"a\x00",dog\n', "there is no image 'a\\x00'|line contains NUL"),
    ],
)
def test_what_is_wrong_is_said_before_images_are_read(text, words, photos):
    found = config(photos, text)
    for refuse in (datasets.find, datasets.load):
        with pytest.raises(UserError) as refused:
            refuse(found)
        said = str(refused.value)
        assert said.startswith(f"--labels_csv={found.labels_csv}")
        assert any(each in said for each in words.split("|"))
        assert len(said.splitlines()) <= 3


@pytest.mark.parametrize(
    "text, words",
    [
        ("labeled/dog/b.png,=cat\n", "is =cat here, and dog by the folder"),
        (
            "unlabeled/c.png,dog\nunlabeled/c.png,=cat\n",
            "line 3: unlabeled/c.png is =cat here, and dog by a line before",
        ),
    ],
)
def test_two_classes_of_one_image(text, words, photos):
    with pytest.raises(UserError, match=words):
        datasets.load(config(photos, "file,label\n" + text))


def test_a_file_that_is_missing_or_no_text(photos, tmp_path):
    found = config(photos, "file,label\nunlabeled/\u00e4.png,dog\n", "latin-1")
    with pytest.raises(UserError, match="not text in UTF-8(.|\n)*CSV UTF-8"):
        datasets.find(found)
    (tmp_path / "labels.csv").unlink()
    with pytest.raises(UserError, match="labels.csv can't be read: No such file"):
        datasets.find(found)


def test_only_images_in_files_have_names():
    with pytest.raises(UsageError, match="expected --dataset=folder, got digits"):
        Config(dataset="digits", labels_csv="labels.csv")


def test_images_of_another_folder(photos, tmp_path):
    paint(tmp_path, "more/f.png", "more/g.png")
    name = str(tmp_path / "more" / "g.png")
    text = f"file,label\n{name},dog\n"
    found = config(photos, text, unlabeled_dir=str(tmp_path / "more"))
    datasets.find(found)
    source = datasets.load(found)
    assert classes(source)[name] == 1
    split = splits.make_split(source, None, 0, seed=1)
    assert {source.names[row] for row in split.unlabeled} == {
        str(tmp_path / "more" / "f.png")
    }
    assert len(split.labeled) == 3


def test_another_data_set_has_no_such_files_and_may_lie_anywhere(photos, tmp_path):
    (tmp_path / "weights.csv").write_text("file,weight\nlabeled/dog/b.png,2\n")
    text, weights = "file,label\nunlabeled/c.png,dog\n", tmp_path / "weights.csv"
    other = {"unlabeled_dataset": "digits", "unlabeled_dir": str(tmp_path / "nowhere")}
    found = config(photos, text, weights_csv=str(weights), **other)
    datasets.find(found)
    source = datasets.load(found)
    assert len(source.train) == 6 + 1442 and source.train.weights.max() == 2
    assert classes(source)["unlabeled/c.png"] == 1


def test_an_image_that_cannot_be_used(photos):
    (photos / "unlabeled" / "c.png").write_bytes(b"rubbish")
    found = config(photos, "file,label\nunlabeled/c.png,dog\n", on_bad_image="skip")
    datasets.find(found)  # nobody has opened it yet
    with pytest.raises(UserError, match="no image unlabeled/c.png that can be used"):
        datasets.load(found)


def test_names_are_those_of_the_images(photos):
    (photos / "unlabeled" / "c.png").write_bytes(b"rubbish")
    source = datasets.load(
        Config(dataset="folder", data_dir=str(photos), on_bad_image="skip")
    )
    greys = np.asarray(source.train.images)[:, 0, 0, 0].tolist()
    assert dict(zip(source.names, greys)) == {
        "labeled/=cat/a.png": 0,
        "labeled/dog/b.png": 1,
        "unlabeled/=1+1.png": 5,
        "unlabeled/deep/d.png": 3,
        "unlabeled/e.png": 4,
    }


@pytest.mark.parametrize("on_disk", csv_rows.FORMS)
@pytest.mark.parametrize("in_table", csv_rows.FORMS)
def test_accents_in_either_encoding(on_disk, in_table, tmp_path):
    """A Mac decomposes the names of files, a spreadsheet composes them."""
    there, here = (
        [unicodedata.normalize(form, each) for each in ("Kühe", "é.png")]
        for form in (on_disk, in_table)
    )
    root = tmp_path / "photos"
    paint(
        root,
        f"labeled/{there[0]}/a.png",
        "labeled/dog/b.png",
        f"unlabeled/{there[1]}",
        f"test/{here[0]}/c.png",
    )
    text = f"file,label\nunlabeled/{here[1]},{here[0]}\n"
    found = config(root, text)
    datasets.find(found)
    source = datasets.load(found)
    number = source.class_names.index(there[0])
    assert classes(source)[f"unlabeled/{there[1]}"] == number
    assert source.test.labels.tolist() == [number]
    weights = tmp_path / "weights.csv"
    weights.write_text(f"file,weight\nunlabeled/{here[1]},3\n", "utf-8")
    source = datasets.load(config(root, text, weights_csv=str(weights)))
    assert sorted(source.train.weights.tolist()) == [1, 1, 3]
