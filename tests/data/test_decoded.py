"""Decoded files: the same wherever they live, and decoded once."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf import machine_memory
from mixdmt_tf.data import decoded, image_files, shards
from mixdmt_tf.data.lazy_images import LazyImages
from mixdmt_tf.errors import UserError

SIZE = 6
COUNT = 11
KINDS = ("auto", "disk", "memory", "virtual")


@pytest.fixture(name="root")
def fixture_root(tmp_path):
    """Photos of two sizes; one that is damaged and one that is missing."""
    root = tmp_path / "photos"
    for number in range(COUNT):
        path = root / f"{number % 2}" / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.RandomState(number).randint(0, 256, (9, 7 + number % 3, 3))
        Image.fromarray(noise.astype(np.uint8)).save(path)
    return root


@pytest.fixture(autouse=True)
def four_images_in_a_file(monkeypatch):
    monkeypatch.setattr(shards, "SHARD_BYTES", 4 * SIZE * SIZE * 3)


@pytest.fixture(name="decodings")
def fixture_decodings(monkeypatch):
    """The names of the files that were decoded."""
    names, decode_one = [], image_files._read_one

    def recorded(path, *more):
        names.append(path.name)
        return decode_one(path, *more)

    monkeypatch.setattr(image_files, "_read_one", recorded)
    return names


def paths_of(root):
    return image_files.find(root)[0]


def open_all(root, kind="disk", size=SIZE, paths=None):
    cache = root.parent / "cache"
    return decoded.decode(paths or paths_of(root), root, size, kind, cache)


def spoil(root, name="0/04.png"):
    (root / name).write_bytes(b"no image")
    (root / "1/99.png").symlink_to(root / "nowhere")


@pytest.mark.parametrize("kind", KINDS)
def test_the_images_are_those_of_the_files(kind, root):
    expected = image_files.read(paths_of(root), SIZE)
    found = open_all(root, kind)
    assert found.problems == {}
    np.testing.assert_array_equal(np.asarray(found.images), expected)
    assert isinstance(found.images, LazyImages) == (kind in ("disk", "virtual"))


@pytest.mark.parametrize("kind", KINDS)
def test_bad_files_are_found_and_the_others_are_right(kind, root):
    spoil(root)
    paths = paths_of(root)
    names = [path.name for path in paths]
    good = [row for row, name in enumerate(names) if name not in ("04.png", "99.png")]
    for _ in range(2):  # the second time they are remembered
        found = open_all(root, kind)
        assert found.problems == {
            names.index("04.png"): "not a PNG, JPEG or BMP image, or damaged",
            names.index("99.png"): "not a file, or a link to nothing",
        }
        expected = image_files.read([paths[row] for row in good], SIZE)
        np.testing.assert_array_equal(found.images[good], expected)


@pytest.mark.parametrize(("limit", "lazy"), [(COUNT, False), (COUNT - 1, True)])
def test_auto_keeps_small_sets_in_memory(limit, lazy, root, monkeypatch, decodings):
    """Read from the cache as well, so that they are decoded once."""
    monkeypatch.setattr(decoded, "IN_MEMORY", limit * SIZE * SIZE * 3)
    for _ in range(2):
        assert isinstance(open_all(root, "auto").images, LazyImages) == lazy
    assert len(decodings) == COUNT


def test_auto_without_room_decodes_when_asked(root, free, monkeypatch, decodings):
    free(0)
    assert isinstance(open_all(root, "auto").images, np.ndarray)
    monkeypatch.setattr(decoded, "IN_MEMORY", 1)
    decodings.clear()
    found = open_all(root, "auto")
    assert len(decodings) == COUNT  # to know the bad ones
    assert found.images[[3, 0]].shape == (2, SIZE, SIZE, 3)
    assert len(decodings) == COUNT + 2
    assert not (root.parent / "cache").exists()


def test_only_what_is_new_or_changed_is_decoded(root, decodings):
    open_all(root)
    decodings.clear()
    open_all(root)
    assert decodings == []

    Image.new("RGB", (5, 5), (9, 9, 9)).save(root / "0/00.png")
    Image.new("RGB", (5, 5), (7, 7, 7)).save(root / "0/new.png")
    (root / "1/05.png").unlink()
    found = open_all(root)

    # With them, what shares a file of the cache with new images.
    assert set(decodings) <= {"00.png", "new.png", "05.png", "07.png", "09.png"}
    assert {"00.png", "new.png"} <= set(decodings)
    assert len(decodings) <= 6
    expected = image_files.read(paths_of(root), SIZE)
    np.testing.assert_array_equal(np.asarray(found.images), expected)


def test_touching_a_file_is_a_change(root, decodings):
    open_all(root)
    decodings.clear()
    os.utime(root / "0/02.png", ns=(1, 1))
    open_all(root)
    assert "02.png" in decodings


def test_images_of_files_that_are_gone_are_dropped_at_last(root, monkeypatch):
    monkeypatch.setattr(decoded, "GARBAGE", 3)
    open_all(root)
    some = paths_of(root)[:3]
    found = open_all(root, paths=some)
    np.testing.assert_array_equal(np.asarray(found.images), image_files.read(some, 6))
    (folder,) = (root.parent / "cache").iterdir()
    assert len(list(folder.glob("shard-*"))) == 1


def test_each_size_has_images_of_its_own(root):
    assert open_all(root, size=SIZE).images.shape[1] == SIZE
    other = open_all(root, size=4)
    expected = image_files.read(paths_of(root), 4)
    np.testing.assert_array_equal(np.asarray(other.images), expected)


def test_a_file_that_was_repaired_without_a_trace_is_tried_again(root):
    """As one that could not be read for want of permission."""
    path = root / "0/04.png"
    content = path.read_bytes()
    path.write_bytes(bytes(len(content)))
    os.utime(path, ns=(5, 5))
    assert len(open_all(root).problems) == 1
    path.write_bytes(content)
    os.utime(path, ns=(5, 5))
    found = open_all(root)
    assert not found.problems
    expected = image_files.read(paths_of(root), SIZE)
    np.testing.assert_array_equal(np.asarray(found.images), expected)


@pytest.mark.parametrize("name", ["files.npz", "problems-*", "shard-*"])
@pytest.mark.parametrize("content", [None, b"", b"[[1, 2]]", b"\xff{"])
def test_a_damaged_cache_is_made_again(name, content, root):
    spoil(root)
    first = open_all(root)
    good = np.setdiff1d(np.arange(COUNT + 1), list(first.problems))
    expected = first.images[good]
    for path in (root.parent / "cache").glob(f"decoded-*/{name}"):
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
    found = open_all(root)
    assert found.problems == first.problems
    np.testing.assert_array_equal(found.images[good], expected)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left")])
def test_an_interrupted_build_goes_on(error, root, monkeypatch, decodings):
    spoil(root)
    link, names = os.link, []

    def stop(source, target):
        names.append(os.path.basename(target))
        if names[-1].startswith("shard-00001"):
            raise error
        link(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", stop)
        with pytest.raises((KeyboardInterrupt, UserError)):
            open_all(root)
    decodings.clear()
    found = open_all(root)
    assert len(found.problems) == 2
    # The first file of the cache is there; of it only what is bad is tried again.
    assert len(decodings) <= COUNT + 1 - 4 + 1
    good = np.setdiff1d(np.arange(COUNT + 1), list(found.problems))
    paths = paths_of(root)
    expected = image_files.read([paths[row] for row in good], SIZE)
    np.testing.assert_array_equal(found.images[good], expected)


def test_a_signal_does_not_wait_for_all_images_of_a_file(root, monkeypatch):
    """A file of the cache has tens of thousands: decoding them takes minutes."""
    monkeypatch.setattr(shards, "SHARD_BYTES", 64 << 20)
    names = []

    def slow(path, *_):
        names.append(path.name)
        time.sleep(0.02)

    monkeypatch.setattr(image_files, "_read_one", slow)
    monkeypatch.setattr(image_files, "CHUNK", 1)
    asking = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        asking.start()
        with pytest.raises(KeyboardInterrupt):
            open_all(root, paths=[*paths_of(root)] * 20)
        asking.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(names) < 10 * COUNT
    monkeypatch.undo()
    assert not open_all(root).problems


def test_a_cache_that_cannot_be_written(root):
    (root.parent / "cache").write_text("a file")
    with pytest.raises(UserError, match="--image_store=virtual"):
        open_all(root, "disk")
    assert open_all(root, "auto").images.shape[0] == COUNT


@pytest.mark.parametrize("kind", ["memory", "auto"])
def test_memory_that_does_not_suffice_is_refused(kind, root, free, monkeypatch):
    free(0)
    nbytes = COUNT * SIZE * SIZE * 3
    monkeypatch.setattr(machine_memory, "available", lambda: nbytes - 1)
    expected = f"--image_store={kind} needs 1.2 kB.*\\n.*virtual"
    with pytest.raises(UserError, match=expected):
        open_all(root, kind)
    monkeypatch.setattr(machine_memory, "available", lambda: nbytes)
    assert isinstance(open_all(root, kind).images, np.ndarray)


@pytest.mark.parametrize("name", ["shard-x.u8", "shard-.u8", "shard-00001-x.u8"])
def test_other_files_in_the_cache_are_left_alone(name, root, decodings):
    open_all(root)
    decodings.clear()
    (folder,) = (root.parent / "cache").iterdir()
    (folder / name).write_bytes(b"mine")
    assert open_all(root).problems == {} and not decodings
    assert (folder / name).read_bytes() == b"mine"


def test_a_flipped_digit_makes_no_bad_image_sound(root, decodings):
    spoil(root)
    expected = open_all(root).problems
    number = sorted(expected)[0]
    path = next((root.parent / "cache").glob("decoded-*/problems-00000000.json"))
    for other in (number + 90, 3 - number):  # of no image, and of a sound one
        text = path.read_text()
        path.write_text(text.replace(f'"{number}"', f'"{other}"'))
        assert path.read_text() != text
        decodings.clear()
        assert open_all(root).problems == expected
        assert len(set(decodings)) >= 4  # the shard is made again
        assert path.read_text() == text


def test_problems_that_are_gone_while_they_are_read_are_said(root, monkeypatch):
    open_all(root)
    monkeypatch.setattr(decoded._Kept, "_distrust", lambda *_: None)
    for path in (root.parent / "cache").glob("decoded-*/problems-*"):
        path.unlink()
    with pytest.raises(UserError, match="was changed while it was read.\nRun the"):
        open_all(root)


def test_a_file_that_goes_bad_later_is_named(root):
    found = open_all(root, "virtual")
    spoil(root, "0/04.png")
    with pytest.raises(UserError, match="04.png: not a PNG"):
        np.asarray(found.images)
