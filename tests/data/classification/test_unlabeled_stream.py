"""More unlabelled images than labelled ones, their originals, and noise."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mixdmt_tf.data.classification.recipe import Recipe
from tests.data.classification import streams

RATIO = Recipe(1, unlabeled_ratio=3, original_views=2, noise=True)


def test_more_unlabelled_images_than_labelled_ones():
    batch = streams.pipeline(RATIO, count=2).at(5)
    assert batch["x"].shape == (8, 4, 4, 1)
    assert batch["u"].shape == (24, 1, 4, 4, 1)
    assert batch["u_original"].shape == (24, 2, 4, 4, 1)
    assert batch["u_noise"].shape == (24, 4, 4, 1)
    assert batch["u_truth"].shape == (24,)


def test_a_pass_over_the_unlabelled_images_is_complete_at_any_ratio():
    """19 of 34 images are unlabelled; 24 a step."""
    pipeline = streams.pipeline(RATIO)
    ids = np.concatenate(
        [streams.ids_of(pipeline.at(step)["u"][:, 0]) for step in range(19)]
    )
    unlabeled, counts = np.unique(ids, return_counts=True)
    np.testing.assert_array_equal(unlabeled, pipeline.split.unlabeled)
    assert set(counts) == {24 * 19 // len(pipeline.split.unlabeled), *counts}
    assert counts.max() - counts.min() <= 1


def test_originals_are_the_images_whose_copies_are_shown():
    """Copies here are numbered images with something erased: corners may be lost."""
    source = streams.numbered()
    pipeline = streams.pipeline(RATIO, source, count=5)
    batch = pipeline.at(2)
    first = streams.ids_of(batch["u_original"][:, 0])
    np.testing.assert_array_equal(first, streams.ids_of(batch["u_original"][:, 1]))
    np.testing.assert_array_equal(batch["u_truth"], source.train.labels[first])
    pixels = np.round((batch["u"].numpy()[:, 0] + 1) * 127.5).reshape(24, -1)
    whole = (pixels == pixels[:, :1]).all(axis=1)
    assert 5 < whole.sum() < 24
    np.testing.assert_array_equal(pixels[whole, 0], first[whole])


def test_noise_is_standard_normal_and_new_in_every_step():
    pipeline = streams.pipeline(RATIO, batch=64)
    noise = [pipeline.at(step)["u_noise"].numpy() for step in range(2)]
    assert abs(noise[0].mean()) < 0.06 and abs(noise[0].std() - 1) < 0.05
    assert (noise[0] != noise[1]).all()
    np.testing.assert_array_equal(noise[0], pipeline.at(0)["u_noise"])


def test_replicas_share_the_batch_at_any_ratio():
    pipeline = streams.pipeline(RATIO, count=2)
    whole = pipeline.at(3)
    parts = [pipeline.at(3, replica, 2) for replica in (0, 1)]
    for name in ("x", "y", "u", "u_original", "u_noise", "u_truth"):
        together = np.concatenate([part[name] for part in parts])
        np.testing.assert_array_equal(together, whole[name])


@pytest.mark.parametrize("count", [0, 3])
def test_places_are_those_of_the_images_shown(count):
    """Also of copies; each pass over the images without copies shows each once."""
    recipe = Recipe(unlabeled_views=1, original_views=1, indices=True)
    pipeline = streams.pipeline(recipe, batch=8, count=count)
    images = len(pipeline.split.unlabeled)
    seen = []
    for batch in pipeline.dataset(0, 2 * images):
        shown = streams.ids_of(batch["u_original"][:, 0])
        places = batch["u_index"].numpy()
        np.testing.assert_array_equal(pipeline.split.unlabeled[places], shown)
        seen.extend(places)
    if not count:
        for start in range(0, len(seen) - images, images):
            assert sorted(seen[start : start + images]) == list(range(images))


def test_originals_may_be_spared_the_strong_augmentation():
    recipe = Recipe(1, original_views=1, augment="cutout", weak_originals=True)
    source = streams.numbered(shape=(8, 8, 1))
    batch = streams.pipeline(recipe, source).at(3)
    ids = streams.ids_of(batch["u_original"])  # fails unless all is of one grey
    assert len(ids) == 8
    cut = np.ptp(batch["u"], axis=(2, 3, 4))
    assert cut.max() > 0 and np.ptp(batch["x"], axis=(1, 2, 3)).max() > 0
    both = streams.pipeline(dataclasses.replace(recipe, weak_originals=False), source)
    assert np.ptp(both.at(3)["u_original"], axis=(2, 3, 4)).max() > 0
