"""Means over pixels: of terms of a loss, and numbers that all replicas share."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms.parts.terms import Term, mean_of_all, mean_over_replicas
from mixdmt_tf.runs.runtime import mirrored_strategy
from tests.oracles.reductions import masked_mean

SHAPE = (2, 4, 3)


def maps(seed, share=0.5):
    """Values of pixels, and which count."""
    rng = np.random.default_rng(seed)
    mask = (rng.uniform(size=SHAPE) < share).astype(np.float32)
    return rng.normal(size=SHAPE).astype(np.float32), mask


def on_replicas(function, parts):
    """What each replica makes of its own part, as NumPy."""
    strategy = mirrored_strategy()

    def spread(index):
        return strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(parts[context.replica_id_in_sync_group][index])
        )

    @tf.function
    def run(*values):
        return strategy.run(function, args=values)

    results = run(*(spread(index) for index in range(len(parts[0]))))
    return [value.numpy() for value in strategy.experimental_local_results(results)]


def test_mean_of_all_on_one_device():
    values, mask = maps(0)
    assert 0 < mask.mean() < 1
    got = mean_of_all(tf.constant(values), tf.constant(mask))
    assert got.dtype == tf.float32 and got.shape == ()
    assert float(got) == pytest.approx(masked_mean(values, mask), rel=1e-5)


def test_mean_of_all_is_0_where_nothing_counts():
    values, mask = maps(0, share=0.0)
    assert float(mean_of_all(tf.constant(values), tf.constant(mask))) == 0


def test_mean_of_all_is_the_same_number_on_each_replica():
    """That of all pixels together; of the two, one has many and one has few."""
    parts = [maps(0, share=0.9), maps(1, share=0.2)]
    expected = masked_mean(*map(np.concatenate, zip(*parts)))
    alone = [masked_mean(*part) for part in parts]
    assert abs(expected - np.mean(alone)) > 1e-2
    for got in on_replicas(mean_of_all, parts):
        assert float(got) == pytest.approx(expected, rel=1e-5)


def test_mean_of_all_where_one_replica_has_nothing():
    parts = [maps(0), maps(1, share=0.0)]
    for got in on_replicas(mean_of_all, parts):
        assert float(got) == pytest.approx(masked_mean(*parts[0]), rel=1e-5)


def test_mean_of_all_has_no_gradient():
    values, mask = map(tf.constant, maps(0))
    with tf.GradientTape() as tape:
        tape.watch([values, mask])
        mean = mean_of_all(tf.square(values), tf.square(mask))
    assert tape.gradient(mean, [values, mask]) == [None, None]


@pytest.mark.parametrize("over_all", [False, True])
def test_shares_of_a_term_add_up_to_the_mean_over_all_pixels(over_all):
    """Replicas with many pixels weigh more than replicas with few."""
    parts = [maps(0, share=0.9), maps(1, share=0.2)]
    values, mask = map(np.concatenate, zip(*parts))
    rows = values.size if over_all else None
    expected = masked_mean(values, mask, rows)
    shares = on_replicas(
        lambda values, mask: mean_over_replicas(Term(values, mask, over_all=over_all)),
        parts,
    )
    assert sum(map(float, shares)) == pytest.approx(expected, rel=1e-5)
    assert len(shares) == 2 and shares[0] != shares[1]
