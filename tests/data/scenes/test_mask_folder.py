"""Folders of images and masks."""

import numpy as np
import pytest

from mixdmt_tf.data import scenes
from mixdmt_tf.data.scenes.checking import check
from mixdmt_tf.data.scenes.config import Config
from mixdmt_tf.errors import UsageError, UserError
from tests.data.scenes import files


def _put(root, names, masks=True, classes=3):
    for seed, name in enumerate(names):
        files.save(root / "images" / f"{name}.png", files.photo(seed=seed))
        if masks:
            numbers = files.numbers(classes=classes, seed=seed)
            files.save(root / "masks" / f"{name}.png", numbers)


def _load(root, **settings):
    return scenes.load(Config(dataset="mask_folder", data_dir=str(root), **settings))


def _names(members):
    return [scene.name for scene in members]


def test_own_validation_and_test_folders(tmp_path):
    """Classes from a file; pictures may be JPEG, masks not."""
    _put(tmp_path, ["b", "a"])
    _put(tmp_path / "val", ["x"])
    _put(tmp_path / "test", ["y", "z"])
    _put(tmp_path, ["free"], masks=False)
    files.save(tmp_path / "images" / "photo.JPG", files.photo())
    files.save(tmp_path / "masks" / "photo.PNG", files.numbers())
    (tmp_path / "classes.txt").write_text("sky\nroad\n\ncar\n")
    found = _load(tmp_path)
    assert _names(found.train) == ["a", "b", "free", "photo"]
    assert [scene.known for scene in found.train] == [True, True, False, True]
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


def test_cameras_that_were_held_sideways(tmp_path):
    """Labels are of the picture as one sees it."""
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


def _without_masks(root):
    """Of training images; those to be judged have theirs, and there are classes."""
    for name in "abc":
        (root / "masks" / f"{name}.png").unlink()
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
