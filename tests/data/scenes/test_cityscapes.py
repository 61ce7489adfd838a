"""Cityscapes' folders, numbers and size."""

import numpy as np
import pytest

from mixdmt_tf.data import scenes
from mixdmt_tf.data.scenes.checking import check
from mixdmt_tf.data.scenes.cityscapes import class_table
from mixdmt_tf.data.scenes.config import Config
from mixdmt_tf.errors import UsageError, UserError
from tests.data.scenes import files

IDS = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]


def _street(root, part, city, name, ids, pixels=None):
    if pixels is None:
        pixels = np.zeros((*ids.shape, 3), np.uint8)
    base = f"{part}/{city}/{city}_{name}"
    files.save(root / "leftImg8bit" / f"{base}_leftImg8bit.png", pixels)
    files.save(root / "gtFine" / f"{base}_gtFine_labelIds.png", ids)


def _load(root):
    return scenes.load(Config(dataset="cityscapes", data_dir=str(root)))


def _ids(seed, height=1024, width=2048):
    return np.random.RandomState(seed).randint(0, 34, (height, width)).astype(np.uint8)


def test_nineteen_classes_of_thirty_four_numbers():
    """All others are ignored; a number that can't be stays wrong."""
    table = class_table().tolist()
    assert [table[i] for i in IDS] == list(range(19))
    assert {table[i] for i in range(34) if i not in IDS} == {255}
    assert table[34:] == list(range(34, 256))


def test_half_resolution(tmp_path):
    """Pictures averaged, labels from the upper left of two by two pixels."""
    ids = _ids(0)
    pixels = np.random.RandomState(1).randint(0, 256, (1024, 2048, 3)).astype(np.uint8)
    _street(tmp_path, "train", "bonn", "000000_000019", ids, pixels)
    _street(tmp_path, "val", "ulm", "000001_000019", ids[:512, :1024])
    found = _load(tmp_path)
    scene = found.train[0]
    image, labels = scene.image(), scene.labels()
    assert image.shape == (512, 1024, 3) and scene.size() == labels.shape
    np.testing.assert_array_equal(labels, class_table()[ids[::2, ::2]])
    blocks = pixels.reshape(512, 2, 1024, 2, 3).mean((1, 3))
    assert np.abs(image - blocks).max() <= 1  # rounded twice, rows after columns
    # Files that were brought to half resolution before stay as they are.
    half = found.validation[0]
    np.testing.assert_array_equal(half.labels(), class_table()[ids[:512, :1024]])
    assert found.num_classes == 19 and found.crop == (256, 512)
    check(found)


def test_sorted_by_city_and_image(tmp_path):
    """The order that the published splits were drawn from."""
    ids = np.zeros((4, 8), np.uint8)
    for city, name in (("b", "2"), ("a-x", "1"), ("a", "9"), ("b", "1")):
        _street(tmp_path, "train", city, name, ids)
    _street(tmp_path, "val", "c", "1", ids)
    found = _load(tmp_path)
    names = [scene.name for scene in found.train]
    assert names == ["a/a_9", "a-x/a-x_1", "b/b_1", "b/b_2"]


def test_numbers_that_do_not_exist_and_labels_that_are_missing(tmp_path):
    """Found before training, by name."""
    ids = np.full((8, 16), 7, np.uint8)
    ids[0, 0] = 40
    for name in "12":
        _street(tmp_path, "train", "bonn", name, ids)
    _street(tmp_path, "val", "ulm", "3", ids[1:])
    _street(tmp_path, "val", "ulm", "4", ids[1:])
    (tmp_path / "gtFine/val/ulm/ulm_4_gtFine_labelIds.png").unlink()
    with pytest.raises(UserError) as caught:
        check(_load(tmp_path))
    assert "bonn_1_gtFine_labelIds.png: label 40" in str(caught.value)
    assert "ulm_4_gtFine_labelIds.png: missing" in str(caught.value)


def test_training_images_without_labels_are_unlabelled(tmp_path):
    for name in "123":
        _street(tmp_path, "train", "bonn", name, np.full((8, 16), 7, np.uint8))
    _street(tmp_path, "val", "ulm", "4", np.full((8, 16), 7, np.uint8))
    assert _load(tmp_path).notes == ()
    (tmp_path / "gtFine/train/bonn/bonn_2_gtFine_labelIds.png").unlink()
    found = _load(tmp_path)
    assert [scene.known for scene in found.train] == [True, False, True]
    assert found.train[1].labels() is None
    assert found.notes == ("1 training images have no labels: they are unlabelled",)
    check(found)


def test_no_folder(tmp_path):
    """And no images in it."""
    with pytest.raises(UsageError, match="needs --data_dir"):
        _load("")
    with pytest.raises(UserError, match="no images in leftImg8bit/train"):
        _load(tmp_path)
