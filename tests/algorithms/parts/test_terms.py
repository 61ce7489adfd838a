"""Means over pixels: of terms of a loss, and numbers that all replicas share."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms.parts.terms import (
    Term,
    mean_of_all,
    mean_over_replicas,
    mean_row,
    weighted_labels,
)
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


WEIGHTS = np.array([0.0, 0.5, 1.0, 3.0], np.float32)


def label_terms(values, mask=None):
    return {"loss_x": Term(values, mask), "loss_u": Term(values, mask)}


def test_weights_multiply_labelled_rows_and_no_others():
    """The first b rows of terms of labels; what follows counts as it did."""
    values = np.random.default_rng(0).normal(size=6).astype(np.float32)
    found = weighted_labels(label_terms(tf.constant(values)), tf.constant(WEIGHTS))
    expected = values * [0, 0.5, 1, 3, 1, 1]
    np.testing.assert_allclose(found["loss_x"].values, expected, rtol=1e-6)
    np.testing.assert_array_equal(found["loss_u"].values, values)


def test_weights_of_images_are_those_of_all_their_values():
    values = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    found = weighted_labels(label_terms(tf.constant(values)), tf.constant(WEIGHTS))
    expected = values * WEIGHTS[:, None]
    np.testing.assert_allclose(found["loss_x"].values, expected, rtol=1e-6)


def test_the_mean_is_over_rows_and_not_over_weights():
    """A mask still says which rows there are: of training signal annealing."""
    values = np.array([5.0, 1.0, 2.0, 4.0], np.float32)
    mask = np.array([1.0, 1.0, 0.0, 1.0], np.float32)
    for kept, expected in ((None, (0.5 + 2 + 12) / 4), (mask, (0.5 + 12) / 3)):
        term = weighted_labels(label_terms(values, kept), WEIGHTS)["loss_x"]
        assert float(mean_over_replicas(term)) == pytest.approx(expected, rel=1e-6)


def test_weighted_rows_of_two_replicas_are_those_of_one():
    parts = [(np.float32([1, 2]), WEIGHTS[:2]), (np.float32([3, 4]), WEIGHTS[2:])]

    def share(values, weights):
        return mean_over_replicas(
            weighted_labels(label_terms(values), weights)["loss_x"]
        )

    assert sum(map(float, on_replicas(share, parts))) == pytest.approx((1 + 3 + 12) / 4)


def rows_and_counts(seed):
    """Rows of three features, of which some count."""
    rng = np.random.default_rng(seed)
    counts = np.array([1, 1, 0, 1] if seed else [0, 1, 0, 0], np.float32)
    return rng.normal(size=(4, 3)).astype(np.float32), counts


def test_mean_row_is_that_of_all_replicas_and_so_is_its_gradient():
    parts = [rows_and_counts(0), rows_and_counts(1)]
    rows, counts = map(np.concatenate, zip(*parts))
    expected = rows[counts > 0].mean(0)

    def squares(rows, counts):
        with tf.GradientTape() as tape:
            tape.watch(rows)
            mean = mean_row(rows, counts)
            # Each replica has half of a loss that is the same on both.
            loss = tf.reduce_sum(tf.square(mean)) / 2
        return tf.concat([mean[None], tape.gradient(loss, rows)], 0)

    for (_, own), got in zip(parts, on_replicas(squares, parts)):
        np.testing.assert_allclose(got[0], expected, rtol=1e-5)
        gradient = own[:, None] * 2 * expected / counts.sum()
        np.testing.assert_allclose(got[1:], gradient, rtol=1e-5, atol=1e-7)


def test_mean_row_of_nothing_is_0():
    np.testing.assert_array_equal(mean_row(tf.ones([2, 3]), tf.zeros(2)), [0, 0, 0])
