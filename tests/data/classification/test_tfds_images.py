"""Prepared sets that are too large for memory are the same sets."""

import numpy as np
import pytest

from mixdmt_tf import machine_memory
from mixdmt_tf.data.classification import tfds_images, tfds_source
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.lazy_images import LazyImages
from mixdmt_tf.errors import UserError
from tests.data.classification import prepared

SPLITS = {"train": [7, 0, 3, 9, 1], "test": [4, 4], "extra": [1, 2, 5, 6]}
PARTS = ("extra", "train")
IMAGE = 4 * 4 * 3


def write(root, random_access=False):
    folder = root / "tiny_set/1.0.0"
    prepared.write(folder, SPLITS, shards=2)
    if random_access:
        pytest.importorskip("array_record")
        prepared.with_random_access(folder)
    return folder


def load(root, **settings):
    one = tfds_source.Prepared("tiny", "tiny_set", "http://x/", True, 1, train=PARTS)
    config = {"data_dir": str(root), "cache_dir": str(root / "cache"), **settings}
    return one.load(Config(**config))


@pytest.fixture(name="large")
def fixture_large(monkeypatch):
    """Nine images are more than may be in memory, two are not; four are in a file."""
    monkeypatch.setattr(tfds_images, "IN_MEMORY", 5 * IMAGE)
    monkeypatch.setattr(
        tfds_images.shards.Shards.__init__, "__defaults__", (None, 4 * IMAGE, None)
    )


def assert_same(source, expected):
    assert source.fingerprint() == expected.fingerprint()
    for part in ("train", "test"):
        found, wanted = getattr(source, part), getattr(expected, part)
        np.testing.assert_array_equal(found.labels, wanted.labels)
        np.testing.assert_array_equal(np.asarray(found.images), wanted.images)
    some = np.array([8, 0, 3, 3])
    np.testing.assert_array_equal(
        source.train.images[some], expected.train.images[some]
    )


@pytest.mark.parametrize("random_access", [False, True])
@pytest.mark.parametrize("kind", ["auto", "disk", "virtual", "memory"])
def test_wherever_images_are_they_are_the_same(kind, random_access, tmp_path, large):
    write(tmp_path / "plain")
    write(tmp_path / "other", random_access)
    expected = load(tmp_path / "plain", image_store="memory")

    source = load(tmp_path / "other", image_store=kind)

    assert_same(source, expected)
    assert isinstance(source.train.images, LazyImages) == (kind != "memory")
    assert isinstance(source.test.images, LazyImages) == (kind == "disk")
    files = list((tmp_path / "other/cache").glob("decoded-*/shard-*"))
    by_reading = kind in ("auto", "virtual") and not random_access
    assert len(files) == (4 if kind == "disk" else 3 if by_reading else 0)


def test_a_set_is_read_through_once(tmp_path, large, monkeypatch):
    write(tmp_path)
    first = load(tmp_path)

    def refuse(self, *rest):
        raise AssertionError("read again")

    monkeypatch.setattr(tfds_images._Files, "fill", refuse)
    monkeypatch.setattr(tfds_images._Files, "labels", refuse)
    assert load(tmp_path).fingerprint() == first.fingerprint()


@pytest.mark.parametrize("content", [b"", b"no labels", b"\x93NUMPY\x01\x00"])
def test_damaged_labels_are_read_again(content, tmp_path, large):
    write(tmp_path)
    first = load(tmp_path)
    (place,) = tmp_path.glob("cache/decoded-*/labels-*.npy")
    whole = place.read_bytes()
    place.write_bytes(content)

    assert load(tmp_path).fingerprint() == first.fingerprint()
    assert place.read_bytes() == whole


def test_files_that_changed_are_read_again(tmp_path, large):
    folder = write(tmp_path)
    first = load(tmp_path)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    prepared.write(folder, {**SPLITS, "train": [0, 0, 3, 9, 1]}, shards=2)
    second = load(tmp_path)
    assert second.train.labels[4] == 0
    assert second.fingerprint() != first.fingerprint()


def test_a_set_that_has_no_room_on_the_disk_is_in_memory(tmp_path, large, free, capsys):
    write(tmp_path)
    expected = load(tmp_path, image_store="memory")
    assert "images: in" not in capsys.readouterr().out
    free(0)
    source = load(tmp_path)
    assert isinstance(source.train.images, np.ndarray)
    assert_same(source, expected)
    said = f"images: in memory, since {tmp_path / 'cache'} has no room for 432 bytes\n"
    assert capsys.readouterr().out.startswith(said)


def test_what_files_that_are_read_from_their_beginning_make_of_virtual(
    tmp_path, large, capsys
):
    write(tmp_path)
    source = load(tmp_path, image_store="virtual")
    assert capsys.readouterr().out.startswith(
        f"images: in {source.train.images.folder}, since --image_store=virtual reads "
        "array_record alone, these files are tfrecord\n"
    )
    load(tmp_path)
    assert "images: in" not in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["auto", "virtual", "memory"])
def test_what_fits_neither_the_disk_nor_memory_is_refused(
    kind, tmp_path, large, free, monkeypatch
):
    write(tmp_path)
    free(0)
    monkeypatch.setattr(machine_memory, "available", lambda: 9 * IMAGE - 1)
    with pytest.raises(UserError) as caught:
        load(tmp_path, image_store=kind)
    text = str(caught.value)
    assert " needs 432 bytes, 431 bytes are free.\nGive a --cache_dir" in text
    assert ("has no room" in text) == (kind != "memory")
    monkeypatch.setattr(machine_memory, "available", lambda: 9 * IMAGE)
    assert len(load(tmp_path, image_store=kind).train.images) == 9
