"""The share of known images among unlabelled ones."""

from __future__ import annotations

import numpy as np
import pytest

from mixdmt_tf.equations import bootstrapped_share, known_share
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
