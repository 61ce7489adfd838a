"""The store on disk: whole or made again, shard by shard."""

import errno
import gc
import hashlib
import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.data import precomputed, shard_files
from mixdmt_tf.data.classification.copies import Copies
from mixdmt_tf.data.lazy_images import gatherer
from mixdmt_tf.data.precomputed import OnDisk
from mixdmt_tf.errors import UserError

SHAPE = (4, 3, 2)
ITEM = 4 * 3 * 2
SHARD = 4 * ITEM
COUNT = 35  # 9 shards, 3 images in the last one


class Patterns(Copies):
    """Images that cost nothing and differ."""

    def maker(self):
        size = int(np.prod(self.item_shape))

        def make(items):
            pixels = (items[:, None] * 131 + tf.range(size, dtype=tf.int64) * 7) % 251
            return tf.reshape(tf.cast(pixels, tf.uint8), (-1,) + self.item_shape)

        return make


def patterns(count=COUNT, shape=SHAPE):
    images = np.zeros((1, *shape), np.uint8)
    return Patterns(images, np.array([0]), count, "cutout", 0, "", 0, False)


def everything(store):
    return gatherer(store)(tf.range(len(store), dtype=tf.int64)).numpy()


def expected(copies):
    return copies.maker()(tf.range(len(copies), dtype=tf.int64)).numpy()


EXPECTED = expected(patterns())


def on_disk(folder, report=None, shard_bytes=SHARD, copies=None):
    return OnDisk(copies or patterns(), folder, report, shard_bytes)


def shards(folder):
    return sorted(folder.glob("shard-*.u8"))


def facts(paths):
    """What changes when a file is written again."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths}


def test_shards_are_raw_pixels_named_after_their_digest(tmp_path):
    on_disk(tmp_path / "store")
    paths = shards(tmp_path / "store")

    assert b"".join(path.read_bytes() for path in paths) == EXPECTED.tobytes()
    for index, path in enumerate(paths):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert path.name == f"shard-{index:05d}-{digest}.u8"
    assert sorted((tmp_path / "store").iterdir()) == paths  # nothing else is left


def test_a_finished_store_is_only_read(tmp_path):
    on_disk(tmp_path)
    before = facts(shards(tmp_path))

    store = on_disk(tmp_path, report=lambda done, total: pytest.fail("made again"))

    np.testing.assert_array_equal(everything(store), EXPECTED)
    assert facts(shards(tmp_path)) == before


def test_progress_is_reported(tmp_path):
    """In images, up to all of them."""
    seen = []
    on_disk(tmp_path, report=lambda *numbers: seen.append(numbers))
    assert seen == [(min(4 * made, 35), 35) for made in range(1, 10)]

    shards(tmp_path)[2].unlink()
    seen.clear()
    on_disk(tmp_path, report=lambda *numbers: seen.append(numbers))
    assert seen == [(35, 35)]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_build_goes_on(error, tmp_path, monkeypatch):
    """What was finished stays, what was half written counts for nothing."""
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    many = patterns(count=300)

    def interrupt(done, total):
        raise error

    with pytest.raises(error):
        on_disk(tmp_path, interrupt, ITEM, many)
    finished = facts(shards(tmp_path))
    assert 1 <= len(finished) < 300
    (tmp_path / ".123-299.tmp").write_bytes(b"half a shard")

    seen = []
    store = on_disk(tmp_path, lambda *numbers: seen.append(numbers), ITEM, many)

    assert seen[0] == (len(finished) + 1, 300)
    now = facts(shards(tmp_path))
    assert len(now) == 300
    assert {name: now[name] for name in finished} == finished
    np.testing.assert_array_equal(everything(store), expected(many))


def flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 4
    path.write_bytes(data)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-ITEM])


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("harm", [flip_a_bit, cut_short, empty, os.remove])
@pytest.mark.parametrize("index", [3, 8])
def test_only_a_damaged_shard_is_made_again(harm, index, tmp_path):
    """Also the last one, which is smaller than the others."""
    on_disk(tmp_path)
    paths = shards(tmp_path)
    before = facts(paths)
    harm(paths[index])

    store = on_disk(tmp_path)

    np.testing.assert_array_equal(everything(store), EXPECTED)
    after = facts(shards(tmp_path))
    assert set(after) == set(before)
    assert after.pop(paths[index].name) != before.pop(paths[index].name)
    assert after == before


@pytest.mark.parametrize("shard_bytes", [2 * ITEM, 7 * ITEM + 1, 1 << 20, 1])
def test_shards_of_another_size_are_made_again(shard_bytes, tmp_path):
    """A digest says that a shard is whole, not how many images it should have."""
    on_disk(tmp_path)

    store = on_disk(tmp_path, shard_bytes=shard_bytes)

    np.testing.assert_array_equal(everything(store), EXPECTED)
    assert len(shards(tmp_path)) == -(-35 // max(1, shard_bytes // ITEM))


def test_memory_is_bounded_by_a_shard_for_each_thread(tmp_path, monkeypatch):
    """Twelve shards, two threads: far from all of them are alive at once."""
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    large = patterns(count=1200, shape=(64, 64, 3))
    on_disk(tmp_path / "small")  # what TensorFlow imports and keeps, once

    tracemalloc.start()
    store = on_disk(tmp_path / "large", None, large.nbytes // 12, large)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(shards(tmp_path / "large")) == 12
    assert peak < large.nbytes / 2
    assert len(store) == 1200


def test_a_disk_without_room_is_refused_before_anything_is_made(tmp_path, free):
    """A byte more and it is enough: the last shard needs no more than it has."""
    free(patterns().nbytes - 1)
    with pytest.raises(UserError, match="are free.\nChoose another --cache_dir"):
        on_disk(tmp_path)
    assert not shards(tmp_path)

    free(patterns().nbytes)
    on_disk(tmp_path)
    shards(tmp_path)[0].unlink()
    free(SHARD)  # only what is missing counts
    np.testing.assert_array_equal(everything(on_disk(tmp_path)), EXPECTED)


def test_a_disk_that_fills_up_meanwhile(tmp_path, monkeypatch):
    """The error of the system in a sentence; nothing half written remains."""

    def full(source, target):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", full)
        with pytest.raises(UserError, match="No space left on device"):
            on_disk(tmp_path)

    assert not list(tmp_path.iterdir())
    np.testing.assert_array_equal(everything(on_disk(tmp_path)), EXPECTED)


def test_what_a_killed_build_left_is_removed_and_a_living_one_is_left_alone(tmp_path):
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()  # a number that no process has any more
    dead, alive = (tmp_path / f".{pid}-3.tmp" for pid in (killed.pid, os.getppid()))
    dead.write_bytes(b"half")
    alive.write_bytes(b"half")
    on_disk(tmp_path)
    assert not dead.exists()
    assert alive.exists()


def test_what_another_machine_makes_is_left_alone_for_a_day(tmp_path):
    """The numbers of its processes mean nothing here."""
    young, old = (tmp_path / f".{n}@another-host-3.tmp" for n in (1, 2))
    for path in (young, old):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    on_disk(tmp_path)
    assert young.exists()
    assert not old.exists()


def test_what_another_machine_has_made_meanwhile_stays(tmp_path, monkeypatch):
    """It may be read there already, and NFS keeps no file that was replaced."""
    on_disk(tmp_path)
    nodes = {path: path.stat().st_ino for path in shards(tmp_path)}
    with monkeypatch.context() as patch:  # as if its names were not to be seen yet
        patch.setattr(shard_files, "shards_in", lambda _: iter(()))
        np.testing.assert_array_equal(everything(on_disk(tmp_path)), EXPECTED)
    assert {path: path.stat().st_ino for path in tmp_path.iterdir()} == nodes


def test_names_that_are_seen_longer_than_their_files_are_there(tmp_path, monkeypatch):
    ghost = (tmp_path / f"shard-00002-{64 * '0'}.u8", 2, 64 * "0")
    monkeypatch.setattr(shard_files, "shards_in", lambda _: iter([ghost]))
    np.testing.assert_array_equal(everything(on_disk(tmp_path)), EXPECTED)


def test_a_file_system_without_links(tmp_path, monkeypatch):
    def fail(*_):
        raise PermissionError(errno.EPERM, "no links")

    monkeypatch.setattr(os, "link", fail)
    np.testing.assert_array_equal(everything(on_disk(tmp_path)), EXPECTED)


def test_a_store_that_shrinks_while_it_is_read(tmp_path):
    """A sentence rather than images of zeros, or a crash as of mapped files."""
    store = on_disk(tmp_path)
    cut_short(shards(tmp_path)[0])
    os.truncate(shards(tmp_path)[0], ITEM)
    with pytest.raises(UserError, match="was changed while it was read"):
        store[1]
    np.testing.assert_array_equal(store[0], EXPECTED[0])


def test_a_store_that_is_removed_while_it_is_read(tmp_path):
    store = on_disk(tmp_path)
    for path in shards(tmp_path):
        path.unlink()
    np.testing.assert_array_equal(everything(store), EXPECTED)


def test_files_are_closed(tmp_path):
    """As tests and rounds open many stores in one process."""
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        on_disk(tmp_path)
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before + 1


@pytest.mark.parametrize(
    "name", ["shard-x.u8", "shard-.u8", "shard-1-2-3.u8", "shard-00001-abc.u8"]
)
def test_files_that_are_no_shards_are_left_alone(name, tmp_path):
    copies = patterns()
    (tmp_path / name).write_text("somebody's")
    (tmp_path / f"shard-00000-{64 * '0'}.u8").mkdir()
    store = OnDisk(copies, tmp_path, shard_bytes=SHARD)
    np.testing.assert_array_equal(everything(store), expected(copies))
    assert (tmp_path / name).read_text() == "somebody's"
    assert precomputed.missing_bytes(tmp_path, copies.nbytes) == 0
