"""Folders of images and masks."""

import numpy as np
import pytest

from mixdmt_tf.data.segmentation import datasets, splits
from mixdmt_tf.data.segmentation.checking import check
from mixdmt_tf.data.segmentation.config import Config
from mixdmt_tf.data.segmentation.pipeline import Pipeline
from mixdmt_tf.errors import UsageError, UserError
from tests.data.segmentation import files


def _put(root, names, masks=True, classes=3):
    for seed, name in enumerate(names):
        files.save(root / "images" / f"{name}.png", files.photo(seed=seed))
        if masks:
            numbers = files.numbers(classes=classes, seed=seed)
            files.save(root / "masks" / f"{name}.png", numbers)


def _load(root, **settings):
    return datasets.load(Config(dataset="mask_folder", data_dir=str(root), **settings))


def _names(members):
    return [sample.name for sample in members]


def test_own_validation_and_test_folders(tmp_path):
    """Classes from a file; images may be JPEG, masks not."""
    _put(tmp_path, ["b", "a"])
    _put(tmp_path / "val", ["x"])
    _put(tmp_path / "test", ["y", "z"])
    _put(tmp_path, ["free"], masks=False)
    files.save(tmp_path / "images" / "photo.JPG", files.photo())
    files.save(tmp_path / "masks" / "photo.PNG", files.numbers())
    (tmp_path / "classes.txt").write_text("sky\nroad\n\ncar\n")
    found = _load(tmp_path)
    assert _names(found.train) == ["a", "b", "free", "photo"]
    assert [sample.known for sample in found.train] == [True, True, False, True]
    assert found.train[2].labels() is None
    assert (_names(found.validation), _names(found.test)) == (["x"], ["y", "z"])
    assert found.class_names == ("sky", "road", "car")
    np.testing.assert_array_equal(found.train[1].labels(), files.numbers(seed=0))
    check(found)


def test_a_share_is_held_out(tmp_path):
    """A tenth, or as many as asked for; only images with a mask, always the same."""
    _put(tmp_path, [f"{i:02}" for i in range(21)])
    _put(tmp_path, ["free"], masks=False)
    found = _load(tmp_path)
    assert len(found.validation) == 3 and all(s.known for s in found.validation)
    assert _names(_load(tmp_path).validation) == _names(found.validation)
    assert _names(found.validation) != ["00", "01", "02"]
    both = _names(found.train) + _names(found.validation)
    assert sorted(both) == [f"{i:02}" for i in range(21)] + ["free"]
    assert found.class_names == ("class 0", "class 1", "class 2")
    five = _load(tmp_path, validation=5)
    assert set(_names(found.validation)) < set(_names(five.validation))
    assert len(five.validation) == 5
    with pytest.raises(UsageError, match="only 21 images have a mask"):
        _load(tmp_path, validation=21)
    _put(tmp_path / "val", ["x"])
    with pytest.raises(UsageError, match="val has the validation"):
        _load(tmp_path, validation=5)


def test_a_class_that_only_an_image_held_out_shows(tmp_path):
    _put(tmp_path, [f"{i:02}" for i in range(10)])
    (rare,) = _names(_load(tmp_path).validation)
    files.save(tmp_path / "masks" / f"{rare}.png", files.numbers(classes=6))
    found = _load(tmp_path)
    assert _names(found.validation) == [rare] and found.num_classes == 6
    check(found)


def test_cameras_that_were_held_sideways(tmp_path):
    """Labels are of the image as one sees it."""
    _put(tmp_path, ["a", "b"])
    picture = files.Image.fromarray(files.photo(8, 16))
    exif = picture.getexif()
    exif[0x0112] = 6  # turn by a right angle
    picture.save(tmp_path / "images" / "c.jpg", exif=exif)
    files.save(tmp_path / "masks" / "c.png", files.numbers(16, 8))
    found = _load(tmp_path, validation=0)
    assert found.train[2].size() == (16, 8)
    assert found.train[2].image().shape == (16, 8, 3)
    check(found)


def _remove_masks(root, names="abc"):
    for name in names:
        (root / "masks" / f"{name}.png").unlink()


def _without_masks(root):
    """Of training images; those to be judged have theirs, and there are classes."""
    _remove_masks(root)
    _put(root / "val", ["v"])
    (root / "classes.txt").write_text("sky\nroad\ncar\n")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: (root / "masks").rename(root / "m"), "no folder masks/"),
        (lambda root: (root / "images").rename(root / "i"), "no folder images/"),
        (
            lambda root: files.save(root / "masks/odd.png", files.numbers()),
            "no image for odd;",
        ),
        (
            lambda root: files.save(root / "masks/a.jpg", files.numbers()),
            "both a.jpg and a.png",
        ),
        (
            lambda root: (root / "masks/a.png").rename(root / "masks/a.jpg"),
            r"a\.jpg\nJPEG changes class numbers",
        ),
        (lambda root: _put(root / "val", ["v"], masks=False), "no folder masks/"),
        (_without_masks, "masks has no mask; expected one for each"),
        (_remove_masks, "masks has no mask; expected one for each"),
        (
            lambda root: _remove_masks(root, "ab"),
            "^only 1 images have a mask; expected two or more",
        ),
    ],
)
def test_what_does_not_fit(tmp_path, change, message):
    """Said when the folder is opened."""
    _put(tmp_path, ["a", "b", "c"])
    change(tmp_path)
    with pytest.raises(UserError, match=message):
        _load(tmp_path)


def test_black_and_white_masks(tmp_path):
    """255 is no class: masks of two classes have to be saved as 0 and 1."""
    _put(tmp_path, ["a", "b", "c"])
    for name in "abc":
        files.save(tmp_path / "masks" / f"{name}.png", files.numbers(classes=1))
    with pytest.raises(UserError, match="only 0, 255; .*\n.*saved as 0 and 1"):
        _load(tmp_path)


RGB = np.array([[0, 0, 0], [9, 99, 199], [200, 0, 9]], np.uint8)


def _coloured(root, names):
    """Masks in colours, 255 in white."""
    table = np.full((256, 3), 255, np.uint8)
    table[:3] = RGB
    for seed, name in enumerate(names):
        files.save(root / "images" / f"{name}.png", files.photo(seed=seed))
        files.save(root / "masks" / f"{name}.png", table[files.numbers(seed=seed)])


def test_masks_in_colours(tmp_path):
    """They need somebody to say what the colours mean, which makes them classes."""
    _coloured(tmp_path, "abc")
    _coloured(tmp_path / "test", "t")
    with pytest.raises(
        UserError, match=r"a.png has colours, .*colours.txt to say"
    ) as e:
        _load(tmp_path)
    assert f"\nbin/inspect --data_dir={tmp_path} proposes one" in str(e.value)
    text = "road 9 99 199\nsky 0 0 0\ncar 200 0 9\nignored #ffffff\n"
    (tmp_path / "colours.txt").write_text(text)
    found = _load(tmp_path)
    assert found.class_names == ("road", "sky", "car")
    assert found.colours.tolist() == RGB[[1, 0, 2]].tolist()
    check(found)
    expected = np.arange(256)
    expected[:3] = [1, 0, 2]
    for sample in (*found.train, *found.validation, *found.test):
        seed = "abct".index(sample.name) % 3
        np.testing.assert_array_equal(
            sample.labels(), expected[files.numbers(seed=seed)]
        )


def test_colours_that_nobody_knows(tmp_path):
    """Refused, or of no class."""
    _coloured(tmp_path, "abc")
    (tmp_path / "colours.txt").write_text("road 9 99 199\nsky 0 0 0\n")
    with pytest.raises(
        UserError, match=r"(?s)3 of 3 images.*a.png: \d+ pixels of 2 col"
    ):
        check(_load(tmp_path))
    found = _load(tmp_path, unknown_colour="ignore")
    check(found)
    expected = np.full(256, 255)
    expected[:2] = [1, 0]
    by_name = {sample.name: sample for sample in (*found.train, *found.validation)}
    np.testing.assert_array_equal(
        by_name["b"].labels(), expected[files.numbers(seed=1)]
    )


def test_nothing_is_ignored_that_was_never_named(tmp_path):
    """Said before an image is read."""
    _put(tmp_path, ["a", "b", "c"])
    config = Config("mask_folder", str(tmp_path), unknown_colour="ignore")
    with pytest.raises(
        UsageError, match="unknown_colour=ignore: .* has no colours.txt"
    ):
        datasets.find(config)


def test_images_of_five_channels(tmp_path):
    """Batches have them; a mask of another size is named."""
    values = np.random.default_rng(2).uniform(0, 2, (4, 20, 24, 5)).astype(np.float32)
    (tmp_path / "images").mkdir()
    for number, image in enumerate(values):
        np.save(tmp_path / "images" / f"{number}.npy", image)
        mask = np.arange(20 * 24).reshape(20, 24) % 2
        files.save(tmp_path / "masks" / f"{number}.png", mask.astype(np.uint8))
    found = _load(tmp_path, channels=5, pixel_range="0,2", validation=1)
    assert found.channels == 5
    check(found)
    first = found.train[0]
    expected = np.rint(values[int(first.name)] * 127.5)
    np.testing.assert_array_equal(first.image(), expected)
    assert first.size() == (20, 24)
    split = splits.make_split(found, "2", 1)
    batch = Pipeline(found, split, 1, 2, 2, crop=(16, 16)).at(0)
    assert batch["x"].shape == (2, 16, 16, 5) and batch["u"].shape == (2, 16, 16, 5)
    files.save(tmp_path / "masks" / "0.png", np.zeros((20, 23), np.uint8))
    with pytest.raises(UserError, match="23 x 20; its image is 24 x 20"):
        check(_load(tmp_path, channels=5, pixel_range="0,2", validation=1))


def test_channels_are_for_mask_folders():
    with pytest.raises(UsageError, match="is for --dataset=mask_folder"):
        Config(dataset="digit_scenes", channels=4)
