"""Folders in VOC's layout, and files that can't be used."""

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf.data.segmentation import datasets
from mixdmt_tf.data.segmentation.checking import check
from mixdmt_tf.data.segmentation.config import Config
from mixdmt_tf.data.segmentation.datasets.voc import CLASSES
from mixdmt_tf.data.segmentation.splits import make_split
from mixdmt_tf.errors import UsageError, UserError
from tests.data.segmentation import files


def _load(root):
    return datasets.load(Config(dataset="voc", data_dir=str(root)))


def _names(members):
    return [sample.name for sample in members]


def test_numbers_and_pictures_come_out_as_they_are(tmp_path):
    """Palette indices, whatever their colours; training images sorted by name."""
    found = _load(files.voc(tmp_path))
    assert _names(found.train) == ["a", "b", "c"]
    assert _names(found.validation) == ["v"]
    assert found.test is None
    assert found.class_names == ("class 0", "class 1", "class 2")
    assert found.lists == {"train": ("c", "a", "b")}
    sample, seed = found.train[0], 1
    np.testing.assert_array_equal(sample.labels(), files.numbers(seed=seed))
    np.testing.assert_array_equal(sample.image(), files.photo(seed=seed))
    assert sample.size() == (5, 7)
    check(found)


def test_colours_are_those_of_the_files(tmp_path):
    """So that predictions look like the label maps."""
    root = files.voc(tmp_path)
    assert _load(root).colours.tolist() == [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
    own = [10, 20, 30, 200, 0, 0, 0, 0, 90]
    for name in "abcv":
        files.save(root / f"SegmentationClass/{name}.png", files.numbers(), own)
    assert np.ravel(_load(root).colours).tolist() == own
    grey = np.repeat(np.arange(256), 3).tolist()
    for name in "abcv":
        files.save(root / f"SegmentationClass/{name}.png", files.numbers(), grey)
    assert _load(root).colours[1].tolist() == [128, 0, 0]


def test_augmented_list_and_maps_of_sbd(tmp_path):
    """trainaug.txt, and maps of SegmentationClassAug before the others."""
    root = files.voc(tmp_path / "VOCdevkit" / "VOC2012")
    (root / "classes.txt").unlink()
    (root / "ImageSets/Segmentation/trainaug.txt").write_text("d\na\nc\nb\n\n")
    files.save(root / "JPEGImages" / "d.png", files.photo())
    for name, seed in (("d", 20), ("a", 21)):
        files.save(root / f"SegmentationClassAug/{name}.png", files.numbers(seed=seed))
    found = _load(tmp_path)
    assert _names(found.train) == ["a", "b", "c", "d"]
    assert found.class_names == CLASSES and len(CLASSES) == 21
    for place, seed in ((0, 21), (1, 2), (3, 20)):
        expected = files.numbers(seed=seed)
        np.testing.assert_array_equal(found.train[place].labels(), expected)
    assert make_split(found, None, 0, named="train").labeled.tolist() == [2, 0, 1]
    check(found)


def test_test_list_with_and_without_maps(tmp_path):
    """VOC publishes its test list, but no labels for it."""
    root = files.voc(tmp_path)
    (root / "ImageSets/Segmentation/test.txt").write_text("a\nv\n")
    assert _names(_load(root).test) == ["a", "v"]
    (root / "ImageSets/Segmentation/test.txt").write_text("a\nsecret\n")
    found = _load(root)
    assert found.test is None
    assert found.notes == ("test.txt is left out: 1 images have no label map",)


def test_training_on_validation_images_is_noted(tmp_path):
    """As happens with SBD's own lists."""
    found = _load(files.voc(tmp_path, val=("v", "a")))
    assert found.notes == ("1 images are in both train.txt and val.txt",)


def _break(root, name, how):
    image, mask = (
        root / f"JPEGImages/{name}.png",
        root / f"SegmentationClass/{name}.png",
    )
    if how == "image missing":
        image.unlink()
    elif how == "mask missing":
        mask.unlink()
    elif how == "image cut off":
        files.save(image, files.photo(200, 300))
        image.write_bytes(image.read_bytes()[:2000])
    elif how == "no image":
        mask.write_text("hello")
    elif how == "empty":
        mask.write_bytes(b"")
    elif how == "other size":
        files.save(mask, files.numbers(7, 5), files.PALETTE)
    elif how == "colours":
        files.save(mask, files.photo())
    elif how == "label":
        wrong = files.numbers()
        wrong[3, 4] = 3
        files.save(mask, wrong, files.PALETTE)
    elif how == "deep":
        Image.fromarray(np.full((5, 7), 1000, np.uint16)).save(mask)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("image missing", r"b\.\w+: missing"),
        ("image cut off", r"JPEGImages/b\.png: "),
        ("no image", r"b\.png: not a PNG or BMP image, or damaged"),
        ("empty", r"b\.png: not a PNG or BMP image, or damaged"),
        ("other size", r"SegmentationClass/b\.png: 5 x 7; its image is 7 x 5"),
        (
            "colours",
            r"b\.png: has colours \(RGB\); expected one .*bin/inspect",
        ),
        ("label", r"b\.png: label 3 \(row 3, column 4\); expected 0 to 2, or 255"),
        ("deep", r"b\.png: numbers from 1000 to 1000; expected 0 to 255"),
    ],
)
def test_bad_files_are_named_before_training(tmp_path, how, message):
    """Opening the folder is quick and says nothing; checking does."""
    root = files.voc(tmp_path)
    _break(root, "b", how)
    found = _load(root)
    with pytest.raises(UserError, match=f"(?s)1 of 4 images .*{message}"):
        check(found)


def test_training_images_without_a_map_are_unlabelled(tmp_path):
    """Those to be judged need one; a list of labelled images names such as have one."""
    root = files.voc(tmp_path)
    _break(root, "b", "mask missing")
    found = _load(root)
    assert [(s.name, s.known) for s in found.train] == [
        ("a", True),
        ("b", False),
        ("c", True),
    ]
    assert found.train[1].labels() is None
    assert found.notes == (
        "1 images of train.txt have no label map: they are unlabelled",
    )
    check(found)
    split = make_split(found, None, 0)
    assert (split.labeled.tolist(), split.unlabeled.tolist()) == ([0, 2], [1])
    with pytest.raises(UserError, match="b of the list train are no training"):
        make_split(found, None, 0, named="train")
    _break(root, "v", "mask missing")
    with pytest.raises(UserError, match=r"(?s)1 of 4 .*SegmentationClass/v\.png: miss"):
        check(_load(root))


def test_the_first_five_of_many_and_their_number(tmp_path):
    """A message that can be read, after all files were seen."""
    names = [f"s{i}" for i in range(9)]
    root = files.voc(tmp_path, train=names)
    for name in names[1:8]:
        _break(root, name, "label")
    seen = []
    with pytest.raises(UserError) as caught:
        check(_load(root), progress=lambda *counts: seen.append(counts))
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("7 of 10 images of voc can't be used")
    assert [f"s{i}.png" in line for i, line in enumerate(lines)] == [False] + [
        True
    ] * 5 + [False]
    assert lines[-1].strip() == "and 2 more"
    assert seen == [(10, 10)]


def test_hidden_labels_are_not_looked_at(tmp_path):
    """With a split; an image without which there is no learning still is."""
    root = files.voc(tmp_path)
    fits = _load(root)
    split = make_split(fits, 1, 0)
    _break(root, fits.train[split.unlabeled[0]].name, "label")
    check(fits, split)
    with pytest.raises(UserError, match="1 of 4"):
        check(fits)
    _break(root, fits.train[split.unlabeled[0]].name, "image missing")
    with pytest.raises(UserError, match="missing"):
        check(fits, split)
    with pytest.raises(UserError, match="missing"):
        _load(root).fingerprint()


@pytest.mark.parametrize(
    ("remove", "message"),
    [
        ("JPEGImages", "expected JPEGImages/"),
        ("SegmentationClass", "no label maps"),
        ("ImageSets/Segmentation/val.txt", r"there is no .*val\.txt"),
        ("ImageSets/Segmentation/train.txt", r"there is no .*train\.txt"),
    ],
)
def test_what_a_folder_lacks(tmp_path, remove, message):
    """Each with the layout that is expected."""
    root = files.voc(tmp_path)
    (root / remove).rename(tmp_path / "away")
    with pytest.raises(UserError, match=f"(?s){message}"):
        _load(root)


def test_lists_and_classes_that_make_no_sense(tmp_path):
    """Names twice, nothing at all, one class."""
    root = files.voc(tmp_path)
    with pytest.raises(UsageError, match="needs --data_dir"):
        _load("")
    path = root / "ImageSets/Segmentation/train.txt"
    path.write_text("a\nb\na\n")
    with pytest.raises(UserError, match=r"train\.txt has a twice"):
        _load(root)
    path.write_text("\n")
    with pytest.raises(UserError, match="empty"):
        _load(root)
    path.write_text("a\n")
    (root / "classes.txt").write_text("one\n")
    with pytest.raises(UserError, match=r"classes\.txt: 1 names"):
        _load(root)


def test_masks_in_colours(tmp_path):
    """As by programs that export this layout without palettes."""
    root = files.voc(tmp_path)
    for seed, name in enumerate("cabv"):
        colours = np.array(files.PALETTE, np.uint8).reshape(256, 3)
        mask = colours[files.numbers(seed=seed)]
        files.save(root / f"SegmentationClass/{name}.png", mask)
    with pytest.raises(UserError, match=r"has colours, .*colours.txt"):
        _load(root)
    (root / "classes.txt").unlink()
    text = "sky 0 0 0\nroad 128 0 0\ncar 0 128 0\nignored 224 224 192\n"
    (root / "colours.txt").write_text(text)
    found = _load(root)
    assert found.class_names == ("sky", "road", "car")
    check(found)
    np.testing.assert_array_equal(found.train[0].labels(), files.numbers(seed=1))
