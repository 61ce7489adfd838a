"""Where copies live does not matter; what happens when they cannot live there."""

import dataclasses
import os

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import machine_memory
from mixdmt_tf.data import precomputed
from mixdmt_tf.data.classification.copies import Copies
from mixdmt_tf.data.part import Part
from mixdmt_tf.data.precomputed import open_store
from mixdmt_tf.errors import UserError
from tests.data.classification import made_up, streams
from tests.data.classification.graphs import assert_same_in_tf_data

IMAGES = made_up.images([0] * 10, shape=(8, 8, 3)).images
COPIES = Copies(IMAGES, np.array([1, 3, 4, 8, 9]), 7, "cutout", 0, "data", 2, True)


def everything(store, count=35):
    return store(tf.range(count, dtype=tf.int64)).numpy()


EXPECTED = everything(tf.function(COPIES.maker(), autograph=False))


def quiet(sentence):
    """For tests that do not look at what is said."""


@pytest.fixture
def small_shards(monkeypatch):
    """Makes 9 shards of 35 images, 3 images in the last one."""
    monkeypatch.setattr(precomputed, "SHARD_BYTES", 4 * 8 * 8 * 3)


@pytest.mark.parametrize("kind", ["virtual", "memory", "disk", "auto"])
def test_every_store_holds_the_same_pictures(kind, tmp_path, small_shards):
    """In any order, also twice, also from inside tf.data."""
    store = open_store(COPIES, kind, tmp_path, say=quiet)
    items = np.array([34, 0, 7, 7, 12, 3])

    np.testing.assert_array_equal(everything(store), EXPECTED)
    np.testing.assert_array_equal(store(tf.constant(items)), EXPECTED[items])
    assert_same_in_tf_data(store, items)
    written = len(list(tmp_path.glob("copies-*/shard-*.u8")))
    assert written == (9 if kind in ("disk", "auto") else 0)


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_batches_do_not_depend_on_the_store(kind, tmp_path, small_shards):
    """Steps of a pipeline, whose rows two replicas share."""
    virtual = streams.pipeline(source=made_up.source(crop_padding=1), count=3)
    copies = streams.copies_of(virtual.source, virtual.split)
    store = open_store(copies, kind, tmp_path, say=quiet)
    stored = dataclasses.replace(virtual, store=store)
    sets = [each.dataset(20, 23, replicas=2) for each in (stored, virtual)]

    assert sets[0].element_spec == sets[1].element_spec
    pairs = list(zip(*sets))
    assert len(pairs) == 6
    for made, expected in pairs:
        for name in expected:
            np.testing.assert_array_equal(made[name], expected[name], err_msg=name)


@pytest.mark.parametrize("kind", ["virtual", "memory", "disk", "auto"])
def test_plain_copies_are_never_stored(kind, tmp_path):
    """They are the images, which are in memory already."""
    plain = dataclasses.replace(COPIES, augment="none")
    store = open_store(plain, kind, tmp_path / "cache", say=pytest.fail)

    np.testing.assert_array_equal(everything(store, 5), IMAGES[COPIES.ids])
    assert not (tmp_path / "cache").exists()


def test_other_copies_have_another_folder(tmp_path):
    """And both can be kept."""
    said = []
    stores = []
    for seed in (0, 1):
        copies = dataclasses.replace(COPIES, seed=seed)
        stores.append(open_store(copies, "disk", tmp_path, say=said.append))
    first, second = map(everything, stores)

    np.testing.assert_array_equal(first, EXPECTED)
    assert np.any(first != second)
    assert len(list(tmp_path.iterdir())) == 2
    for sentence, folder in zip(said, (COPIES.key()[:24], copies.key()[:24])):
        assert f"35 images in {tmp_path / f'copies-{folder}'}" in sentence


def test_auto_takes_the_disk_only_if_twice_the_pictures_fit(tmp_path, free):
    """And says what it chose."""
    said = []
    free(2 * COPIES.nbytes)
    store = open_store(COPIES, "auto", tmp_path, say=said.append)

    assert not list(tmp_path.iterdir())
    assert said == [f"copies: made on the fly, {tmp_path} cannot take 0 MB"]
    np.testing.assert_array_equal(everything(store), EXPECTED)

    free(2 * COPIES.nbytes + 1)
    open_store(COPIES, "auto", tmp_path, say=said.append)
    assert len(list(tmp_path.glob("copies-*/shard-*.u8"))) == 1
    assert len(said) == 2 and str(tmp_path) in said[1]


@pytest.mark.parametrize(("read", "written"), [(35, 0), (36, 1), (None, 1)])
def test_auto_writes_nothing_that_is_shown_once_at_most(read, written, tmp_path):
    """35 copies of which a run shows 35; what a longer run shows again is kept."""
    said = []
    store = open_store(COPIES, "auto", tmp_path, say=said.append, read=read)
    assert len(list(tmp_path.glob("copies-*/shard-*.u8"))) == written
    assert ("made on the fly, the run takes 35 of 35" in said[0]) == (not written)
    np.testing.assert_array_equal(everything(store), EXPECTED)


@pytest.mark.parametrize("kind", ["memory", "disk", "part"])
@pytest.mark.parametrize(
    ("read", "copies"), [(11, 2), (2, 1), (34, 6), (35, None), (None, None)]
)
def test_copies_that_no_step_can_read_are_told_of(kind, read, copies, tmp_path):
    """35 of five images, with what would make fewer; they are made as asked for."""
    said = []

    def make():
        if kind == "part":
            part = Part(1, 1)
            precomputed.make_part(COPIES, tmp_path, part, None, said.append, read)
        else:
            open_store(COPIES, kind, tmp_path, say=said.append, read=read)

    make()
    line = (
        f"warning: 35 copies are made, 0 MB, and the run reads {read}: with "
        f"--copies_store=auto it makes those while it trains; --copies={copies} makes "
        "fewer"
    )
    assert said[:-1] == ([line] if copies else [])
    said.clear()
    make()
    assert len(said) == 1 + bool(copies and kind == "memory")


def test_auto_reads_what_is_there_however_short_the_run(tmp_path):
    open_store(COPIES, "disk", tmp_path, say=quiet)
    said = []
    open_store(COPIES, "auto", tmp_path, say=said.append, read=1)
    assert "images in" in said.pop()


def test_auto_stays_with_a_disk_store_that_was_begun(tmp_path, free, small_shards):
    """The store itself took the room: a resumed run must not turn to the slow way."""
    open_store(COPIES, "disk", tmp_path, say=quiet)
    (folder,) = tmp_path.iterdir()
    said = []
    free(0)
    open_store(COPIES, "auto", tmp_path, say=said.append)
    assert "images in" in said.pop()

    for shard in list(folder.iterdir())[:3]:
        shard.unlink()
    missing = COPIES.nbytes - sum(path.stat().st_size for path in folder.iterdir())
    for room, expected in ((2 * missing, "on the fly"), (2 * missing + 1, str(folder))):
        free(room)
        open_store(COPIES, "auto", tmp_path, say=said.append)
        assert expected in said.pop()


def test_auto_turns_away_from_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    """As for a service account without a home."""
    asked = []
    monkeypatch.setattr(os, "access", lambda path, mode: asked.append((path, mode)))

    open_store(COPIES, "auto", tmp_path / "a" / "b", say=quiet)

    assert asked == [(tmp_path, os.W_OK | os.X_OK)]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("below", ["", "cache"])
def test_a_file_where_the_folder_should_be(below, tmp_path):
    """A sentence with the way out for disk, the way out itself for auto."""
    (tmp_path / "taken").write_text("here")
    folder = tmp_path / "taken" / below

    with pytest.raises(UserError, match="could not be written to .*taken") as caught:
        open_store(COPIES, "disk", folder, say=quiet)
    assert "--copies_store=virtual" in str(caught.value)

    store = open_store(COPIES, "auto", folder, say=quiet)
    np.testing.assert_array_equal(everything(store), EXPECTED)


def test_memory_that_does_not_suffice_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(machine_memory, "available", lambda: COPIES.nbytes - 1)

    with pytest.raises(UserError, match="--copies_store=memory needs 6.7 kB") as caught:
        open_store(COPIES, "memory", tmp_path, say=quiet)
    assert "--copies_store=disk or virtual" in str(caught.value)

    monkeypatch.setattr(machine_memory, "available", lambda: COPIES.nbytes)
    store = open_store(COPIES, "memory", tmp_path, say=quiet)
    np.testing.assert_array_equal(everything(store), EXPECTED)


def test_pictures_in_memory_are_reported(tmp_path):
    """All at once, when they are there."""
    seen = []

    open_store(COPIES, "memory", tmp_path, lambda *made: seen.append(made), quiet)

    assert seen == [(35, 35)]
