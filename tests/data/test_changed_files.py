"""Decoded files of which one changes while others are there already."""

import os

import numpy as np
from PIL import Image

from mixdmt_tf.data import decoded, image_files, shards

SIZE = 6


def folder_of(place, monkeypatch):
    """Six photos, four of which share a file of the cache."""
    monkeypatch.setattr(shards, "SHARD_BYTES", 4 * SIZE * SIZE * 3)
    for number in range(6):
        noise = np.random.RandomState(number).randint(0, 256, (9, 7, 3))
        Image.fromarray(noise.astype(np.uint8)).save(place / f"{number}.png")
    return place


def open_all(root):
    paths = image_files.find(root)[0]
    return decoded.decode(paths, root, SIZE, "disk", root / ".cache")


def test_a_file_that_is_as_it_was_again_has_its_own_pixels(tmp_path, monkeypatch):
    """Though meanwhile its part of the cache was made anew, from what it was then."""
    root = folder_of(tmp_path, monkeypatch)
    open_all(root)
    path = root / "5.png"  # in the last file of the cache, which grows
    content, facts = path.read_bytes(), path.stat()
    Image.new("RGB", (5, 5), (9, 9, 9)).save(path)
    Image.new("RGB", (5, 5), (7, 7, 7)).save(root / "new.png")
    assert not open_all(root).problems
    path.write_bytes(content)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    found = open_all(root)
    assert not found.problems
    expected = image_files.read(image_files.find(root)[0], SIZE)
    np.testing.assert_array_equal(np.asarray(found.images), expected)


def test_a_file_that_changes_while_it_is_read_is_named(tmp_path, monkeypatch):
    root, decode_one = folder_of(tmp_path, monkeypatch), image_files._read_one

    def touching(path, *more):
        if path.name == "4.png":
            os.utime(path, ns=(1, 1))
        return decode_one(path, *more)

    with monkeypatch.context() as patched:
        patched.setattr(image_files, "_read_one", touching)
        (problem,) = open_all(root).problems.values()
    assert "changed" in problem
    assert not open_all(root).problems
