"""The unlabelled stream with pseudo labels: kept images, each with its own label."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.data.classification.recipe import Recipe
from tests.data.classification import guesses, made_up, streams

RECIPE = Recipe(1, unlabeled_ratio=3, pseudo=True)
ROWS = 24  # of which no multiple is a whole number of passes over 7 images
NAMES = ("u", "u_truth", "u_label", "u_confidence")


def pipeline(kept=7, recipe=RECIPE, **fields):
    return guesses.guessing(streams.pipeline(recipe, augment="none", **fields), kept)


def gathered(pipeline, stop):
    """Entries of the unlabelled rows of the first steps, row after row."""
    steps = list(pipeline.dataset(0, stop).as_numpy_iterator())
    return {name: np.concatenate([step[name] for step in steps]) for name in NAMES}


def assert_equal(first, second):
    """Two batches, bit for bit."""
    assert set(first) == set(second)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


@pytest.mark.parametrize(("kept", "copies"), [(7, 0), (7, 3), (1, 0), (23, 2)])
def test_passes_over_the_kept_images(kept, copies):
    """Every one as often as the others in every pass, in another order each time."""
    stream = pipeline(kept, count=copies)
    size = kept * max(copies, 1)
    passes = 6
    rows = gathered(stream, passes * size // ROWS + 1)
    ids = streams.ids_of(rows["u"][: passes * size, 0])
    own = stream.pseudo.ids[stream.pseudo.kept]
    assert len(own) == kept
    for each in ids.reshape(passes, size):
        np.testing.assert_array_equal(np.sort(each), np.repeat(own, max(copies, 1)))
    if kept > 1:
        assert len(np.unique(ids.reshape(passes, size), axis=0)) == passes


@pytest.mark.parametrize("copies", [0, 3])
def test_labels_belong_to_the_pictures(copies):
    stream = pipeline(count=copies)
    rows = gathered(stream, 10)
    ids = streams.ids_of(rows["u"][:, 0])
    places = np.searchsorted(stream.split.unlabeled, ids)
    pseudo, labels = stream.pseudo, stream.source.train.labels
    np.testing.assert_array_equal(rows["u_label"], pseudo.labels[places])
    np.testing.assert_array_equal(rows["u_confidence"], pseudo.confidence[places])
    np.testing.assert_array_equal(rows["u_truth"], labels[ids])
    assert len(np.unique(rows["u_confidence"])) == 7
    assert (rows["u_label"] != rows["u_truth"]).any()


def test_every_copy_of_a_kept_image_is_shown():
    """Items of the store, here painted on the images, k N + i for copy k of i."""
    copies, size = 3, len(pipeline().split.unlabeled)

    def paint(items):
        grey = tf.cast(items, tf.uint8)[:, None, None, None]
        return tf.broadcast_to(grey, [tf.size(items), 4, 4, 1])

    stream = dataclasses.replace(pipeline(count=copies), store=paint)
    rows = gathered(stream, 7)  # 8 passes of 21 items
    items = streams.ids_of(rows["u"][:, 0])
    kept = np.flatnonzero(stream.pseudo.kept)
    everything = np.sort((np.arange(copies)[:, None] * size + kept).ravel())
    for each in items.reshape(-1, len(everything)):
        np.testing.assert_array_equal(np.sort(each), everything)
    places = items % size
    np.testing.assert_array_equal(rows["u_label"], stream.pseudo.labels[places])


@pytest.mark.parametrize("replicas", [2, 4])
def test_rows_of_all_replicas_are_the_rows_of_one_device(replicas):
    stream = pipeline(count=3)
    whole = stream.at(5)
    parts = [stream.at(5, replica, replicas) for replica in range(replicas)]
    for name in NAMES:
        together = np.concatenate([part[name] for part in parts])
        np.testing.assert_array_equal(together, whole[name], err_msg=name)


def test_a_batch_is_a_function_of_seed_and_step():
    recipe = dataclasses.replace(RECIPE, augment="cutout", border="grey")
    source = made_up.source(unknown=4, crop_padding=1, flip=True)
    stream = pipeline(recipe=recipe, source=source, batch=2)
    direct = stream.at(1000)
    for start in (0, 990):
        *_, reached = stream.dataset(start, 1001)
        assert_equal(direct, reached)
    other = pipeline(recipe=recipe, source=source, batch=2, seed=1).at(1000)
    for batch in (stream.at(1001), other):
        for name in ("x", "u", "u_confidence"):
            assert np.any(batch[name].numpy() != direct[name].numpy()), name


def test_labelled_rows_do_not_depend_on_pseudo_labels():
    plain = streams.pipeline(Recipe(), augment="none").at(9)
    beside = pipeline().at(9)
    for name in plain:
        np.testing.assert_array_equal(plain[name], beside[name])


def test_who_does_not_ask_for_pseudo_labels_sees_all_images():
    stream = pipeline(recipe=Recipe(1, unlabeled_ratio=3))
    batch = stream.at(2)
    assert not {"u_label", "u_confidence"} & set(batch)
    assert_equal(batch, dataclasses.replace(stream, pseudo=None).at(2))
    ids = [streams.ids_of(stream.at(step)["u"][:, 0]) for step in range(2)]
    assert set(stream.split.unlabeled) == set(np.concatenate(ids))


def test_a_missing_file_of_pseudo_labels_is_refused():
    stream = dataclasses.replace(pipeline(), pseudo=None)
    with pytest.raises(ValueError, match="asks for pseudo labels, there are none"):
        stream.at(0)


def test_labels_from_a_graph_have_weights():
    stream = pipeline()
    weights = np.array([0.5, 1, 2], np.float32)
    pseudo = guesses.of(stream.split, class_weights=weights)
    batch = dataclasses.replace(stream, pseudo=pseudo).at(3)
    np.testing.assert_array_equal(batch["x_weight"], weights[batch["y"]])
    expected = batch["u_confidence"] * weights[batch["u_label"]]
    np.testing.assert_allclose(batch["u_weight"], expected, rtol=1e-6)
    batch = stream.at(3)
    assert not np.any(batch["x_weight"] - 1) and not np.any(batch["u_weight"] - 1)
