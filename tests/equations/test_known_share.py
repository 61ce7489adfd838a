"""The share of known images among unlabelled ones."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.equations import (
    bootstrapped_share,
    class_p_values,
    known_share,
    ood_mask,
)
from tests.oracles import known_share as oracle


def mixture(share, n, m, apart=4.0, seed=0):
    """Scores of n labelled images, and of m unlabelled ones of which a share are."""
    rng = np.random.default_rng(seed)
    known = round(share * m)
    strangers = rng.normal(-apart, 1, m - known)
    return rng.normal(0, 1, n), np.concatenate([rng.normal(0, 1, known), strangers])


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_finds_the_share_of_a_mixture(share):
    assert known_share(*mixture(share, 300, 3000)) == pytest.approx(share, abs=0.06)


@pytest.mark.parametrize("seed", range(8))
def test_equals_its_oracle(seed):
    held_out, unlabeled = mixture(0.6, 25, 80, 1.0, seed)
    if seed > 3:  # scores that are equal
        held_out, unlabeled = held_out.round(), unlabeled.round()
    expected = oracle.known_share(held_out, unlabeled)
    assert known_share(held_out, unlabeled) == pytest.approx(expected, rel=1e-9)


def test_the_upper_part_of_the_labelled_images_by_hand():
    # Strangers score less than all of them: q_u / q_l is .6 at the lowest labelled
    # score, where the noise counts least.
    held_out = np.arange(100) / 100
    unlabeled = np.r_[np.tile(held_out, 6), np.full(400, -1.0)]
    assert known_share(held_out, unlabeled) == pytest.approx(0.6, rel=1e-9)


def test_what_cannot_be_told_apart_is_known():
    rng = np.random.default_rng(1)
    assert known_share(rng.normal(size=100), rng.normal(size=1000)) > 0.85


def test_only_the_order_of_scores_counts():
    held_out, unlabeled = mixture(0.5, 40, 400, 2.0)
    moved = known_share(np.exp(held_out), np.exp(unlabeled))
    assert moved == known_share(held_out, unlabeled)


@pytest.mark.parametrize("sizes", [(1, 5), (0, 5), (5, 0)])
def test_too_few_scores_are_refused(sizes):
    with pytest.raises(ValueError, match="n >= 2"):
        known_share(np.zeros(sizes[0]), np.zeros(sizes[1]))


def test_the_bootstrap_surrounds_the_estimate():
    scores = mixture(0.5, 60, 1000, 2.0)
    found = bootstrapped_share(*scores)
    assert found.shape == (200,) and (np.diff(found) >= 0).all()
    assert found[10] < known_share(*scores) < found[-1]
    assert np.ptp(found) > np.ptp(bootstrapped_share(*mixture(0.5, 2000, 1000, 2.0)))
    np.testing.assert_array_equal(found, bootstrapped_share(*scores))


def test_ranks_among_the_images_of_one_class():
    references, of = np.array([1.0, 2.0, 3.0, 10.0, 10.0]), np.array([0, 0, 0, 1, 1])
    scores, classes = np.array([0.0, 2.0, 9.0, 10.0, 11.0, 5.0]), [0, 0, 0, 1, 1, 2]
    found = class_p_values(references, of, scores, classes)
    np.testing.assert_allclose(found, [1 / 8, 3 / 8, 7 / 8, 1 / 6, 5 / 6, 1])


def test_ranks_of_a_class_are_uniform_whatever_its_frequency():
    """Scores of class 1 are larger; the unlabelled images are of class 0 alone."""
    rng = np.random.default_rng(2)
    labels = np.repeat([0, 1], 200)
    references = rng.normal(3.0 * labels, 1)
    unlabeled = rng.normal(0, 1, 4000)
    held_out = class_p_values(references, labels, references, labels)
    ranks = class_p_values(references, labels, unlabeled, np.zeros(4000, int))
    assert (
        np.abs(np.quantile(ranks, [0.25, 0.5, 0.75]) - [0.25, 0.5, 0.75]).max() < 0.08
    )
    assert known_share(held_out, ranks) > 0.9
    assert known_share(references, unlabeled) < 0.3  # without them


@pytest.mark.parametrize("mu", [0.0, 0.3, 0.5, 0.99])
def test_the_mask_of_a_share_found_while_the_graph_runs(mu):
    confidence = np.random.default_rng(3).permutation(40).astype(np.float32)
    expected = ood_mask(confidence, mu)
    found = ood_mask(confidence, tf.constant(mu, tf.float32))
    np.testing.assert_array_equal(found, expected)
