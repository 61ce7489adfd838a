"""Strong augmentation in the batches, grey borders, and one lam for a whole batch."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms.classification import dmt_baseline
from mixdmt_tf.data import draws
from mixdmt_tf.data.augment.crop_flip import UNIFORMS, crop_flip
from mixdmt_tf.data.classification import copies
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.data.pixels import to_float
from mixdmt_tf.settings import settings_of
from tests.data.classification import made_up, streams
from tests.oracles import crop_flip as oracle

RECIPE = Recipe(2, unlabeled_ratio=2)
SHARED = Recipe(mixup_groups=(2,), mixup_beta=0.75, mixup_shared=True)


def source(**fields):
    return made_up.source(crop_padding=1, flip=True, **fields)


def strong(augment, recipe=RECIPE, **fields):
    recipe = dataclasses.replace(recipe, augment=augment)
    return streams.pipeline(recipe, source(), augment="none", **fields)


def test_without_it_batches_are_what_they_were():
    """Shift and flip alone, of the draws that belong to the step."""
    plain = streams.pipeline(RECIPE, source(), augment="none")
    batch = plain.at(3)
    positions = 3 * 8 + tf.range(8, dtype=tf.int64)
    order = draws.shuffled(0, "labeled", positions, len(plain.split.labeled))
    ids = plain.split.labeled[order.numpy()]
    uniforms = draws.uniform(draws.step_key(0, "x", tf.constant(3)), [8, UNIFORMS])
    expected = crop_flip(plain.source.train.images[ids], uniforms, 1, True)
    np.testing.assert_array_equal(batch["x"], to_float(expected))
    by_hand = oracle.crop_flip(plain.source.train.images[ids], uniforms, 1, True)
    np.testing.assert_array_equal(batch["x"], to_float(by_hand))
    np.testing.assert_array_equal(batch["x"], strong("none").at(3)["x"])


@pytest.fixture
def probe(monkeypatch):
    """A function that puts an augmentation by the name 'probe' among the others."""

    def put(number, function):
        monkeypatch.setitem(copies.AUGMENTATIONS, "probe", (number, function))

    return put


def test_it_comes_after_shift_and_flip(probe):
    """Of uint8 images; here the probe inverts them."""

    def invert(images, uniforms):
        assert images.dtype == tf.uint8 and uniforms.shape[-1] == 5
        return 255 - images

    probe(5, invert)
    plain, inverted = strong("none").at(3), strong("probe").at(3)
    for name in ("x", "u"):
        np.testing.assert_allclose(inverted[name], -plain[name], atol=1e-6)
    for name in ("y", "u_truth", "step"):
        np.testing.assert_array_equal(inverted[name], plain[name])


def paint(images, uniforms):
    """Shows the second of two random numbers."""
    grey = tf.cast(uniforms[:, 1] * 256, tf.uint8)[:, None, None, None]
    return tf.broadcast_to(grey, tf.shape(images))


def levels(batch):
    """The greys that each row and view was painted with."""
    views = [batch["x"], batch["u"][:, 0], batch["u"][:, 1]]
    return [streams.ids_of(view) for view in views]


def test_every_row_view_and_step_has_its_own_draws(probe):
    probe(2, paint)
    pipeline = strong("probe", batch=32)
    drawn = [*levels(pipeline.at(3)), *levels(pipeline.at(4))]
    drawn += levels(strong("probe", batch=32, seed=1).at(3))
    for i, one in enumerate(drawn):
        assert len(np.unique(one)) > 0.75 * len(one)
        for other in drawn[:i]:
            size = min(len(one), len(other))
            assert np.mean(one[:size] == other[:size]) < 0.2


def test_draws_are_not_those_of_the_shift(probe):
    """The same image may meet any operation wherever it was moved."""
    probe(UNIFORMS, lambda images, uniforms: paint(images, uniforms[:, 1:]))
    pipeline = strong("probe", batch=64)
    third = levels(pipeline.at(3))[0]
    key = draws.step_key(0, "x", tf.constant(3))
    moves = draws.uniform(key, [64, UNIFORMS]).numpy()[:, 2]
    assert abs(np.corrcoef(third, moves)[0, 1]) < 0.5


@pytest.mark.parametrize(
    ("augment", "replicas"), [("randaugment_dmt", 2), ("cutout", 2), ("cutout", 4)]
)
def test_rows_of_all_replicas_are_the_rows_of_one_device(augment, replicas):
    pipeline = strong(augment, dataclasses.replace(RECIPE, border="grey"))
    whole = pipeline.at(7)
    parts = [pipeline.at(7, replica, replicas) for replica in range(replicas)]
    for name in ("x", "u"):
        together = np.concatenate([part[name] for part in parts])
        np.testing.assert_array_equal(together, whole[name], err_msg=name)


def test_the_settings_offer_what_there_is():
    (augment,) = (
        each for each in settings_of(dmt_baseline.Config) if each.name == "augment"
    )
    assert set(augment.choices) == {"none", *copies.AUGMENTATIONS}


@pytest.mark.parametrize("augment", ["randaugment_dmt", "randaugment_dmt_released"])
def test_those_of_dmt_reach_the_batch(augment):
    """Labelled and unlabelled images change, in a data set as when asked directly."""
    recipe = dataclasses.replace(RECIPE, unlabeled_views=1)
    pipeline = strong(augment, recipe, batch=24)
    (reached,) = pipeline.dataset(5, 6)
    batch, plain = pipeline.at(5), strong("none", recipe, batch=24).at(5)
    for name in ("x", "u"):
        np.testing.assert_array_equal(reached[name], batch[name])
        assert batch[name].shape == plain[name].shape
        assert -1 <= np.min(batch[name]) and np.max(batch[name]) <= 1
        changed = (batch[name].numpy() != plain[name].numpy()).any((-1, -2, -3))
        assert 0.5 < changed.mean()


def test_shifted_images_have_the_border_of_the_recipe():
    """Labelled and unlabelled ones; without a shift there is none."""
    numbered = streams.numbered(crop_padding=1)
    recipe = dataclasses.replace(RECIPE, border="grey")
    batch = streams.pipeline(recipe, numbered, batch=48).at(0)
    for name in ("x", "u"):
        rows = np.round((batch[name].numpy() + 1) * 127.5).reshape(-1, 16)
        own = rows.min(-1)  # ids are smaller than 128
        assert (own < 34).all()
        border = rows == 128
        assert (border | (rows == own[:, None])).all()
        assert 0.3 < border.any(-1).mean() < 1
    unmoved = streams.pipeline(recipe, streams.numbered())
    assert np.max(unmoved.at(0)["x"]) < 0


def test_one_lam_mixes_a_whole_batch():
    """On all replicas, which still choose partners of their own."""
    pipeline = streams.pipeline(SHARED, batch=16)
    for step in range(3):
        (lam,) = set(pipeline.at(step)["lam"].numpy())
        parts = [pipeline.at(step, replica, 2) for replica in range(2)]
        for part in parts:
            assert part["lam"].shape == [16] and set(part["lam"].numpy()) == {lam}
            assert sorted(part["partner"].numpy()) == list(range(16))
        partners = [part["partner"].numpy() for part in parts]
        assert (partners[0] != partners[1]).any()


def test_a_shared_lam_follows_the_beta_distribution_over_steps():
    recipe = Recipe(mixup_groups=(1,), mixup_beta=0.3, mixup_shared=True)
    pipeline = streams.pipeline(recipe, batch=2)
    elements = pipeline.dataset(0, 800).as_numpy_iterator()
    lam = np.array([element["lam"][0] for element in elements])
    variance = 1 / (8 * 0.3 + 4)
    assert lam.min() >= 0 and lam.max() <= 1
    assert abs(lam.mean() - 0.5) < 4 * np.sqrt(variance / len(lam))
    np.testing.assert_allclose(lam.var(), variance, rtol=0.1)
    middle = lam[(lam > 0.01) & (lam < 0.99)]
    assert len(np.unique(middle)) > 0.99 * len(middle)
    other = dataclasses.replace(pipeline, seed=1).at(0)["lam"][0]
    assert other != lam[0]
