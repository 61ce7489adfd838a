"""The masked mean."""

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.equations import cross_entropy, masked_mean, squared_error, tsa_mask


def test_masked_mean_of_squared_errors():
    """Rows 1 and 3 of three, C = 3."""
    q = np.array([[0.1, -0.1, 0.0], [0.3, -0.2, -0.1], [0.5, -0.25, -0.25]])
    loss = masked_mean(squared_error(q, np.zeros([3, 3])), [1, 0, 1])
    assert float(loss) == pytest.approx(0.0658333, abs=1e-7)


def test_masked_mean_with_signal_annealing():
    """Four examples, two of which the network is sure of at eta = 0.55."""
    p_true = np.array([0.2, 0.5, 0.6, 0.9])
    logits = np.log(np.stack([p_true, 1 - p_true], axis=-1))
    labels = np.eye(2)[[0, 0, 0, 0]]
    loss = masked_mean(cross_entropy(labels, logits), tsa_mask(labels, logits, 0.55))
    assert float(loss) == pytest.approx(1.151293, abs=1e-6)


def test_masked_mean_is_the_mean_of_the_subset():
    """A dropped example is as good as not there."""
    rng = np.random.default_rng(3)
    values, mask = rng.normal(size=[6, 5]), rng.integers(0, 2, size=[6, 5])
    subset = np.mean(values[mask == 1])
    assert float(masked_mean(values, mask)) == pytest.approx(subset, rel=1e-5)


def test_masked_mean_of_everything_and_of_nothing():
    """The plain mean; and 0 with gradient 0, where 0 / 0 would poison the step."""
    values = tf.constant([1.0, 2.0, 6.0])
    assert float(masked_mean(values, [1, 1, 1])) == 3
    with tf.GradientTape() as tape:
        tape.watch(values)
        loss = masked_mean(values, [0, 0, 0])
    assert float(loss) == 0
    np.testing.assert_array_equal(tape.gradient(loss, values), [0, 0, 0])


def test_masked_mean_gradient():
    """1 / kept for each example that is kept."""
    values = tf.constant([1.0, 2.0, 6.0])
    with tf.GradientTape() as tape:
        tape.watch(values)
        loss = masked_mean(values, [1, 0, 1])
    np.testing.assert_allclose(tape.gradient(loss, values), [0.5, 0, 0.5])


def test_masked_mean_shared_by_replicas():
    """With the global denominator the parts add up, though one keeps a single row."""
    values, mask = np.array([1.0, 2.0, 6.0, 5.0]), np.array([1, 0, 1, 1])
    parts = [masked_mean(values[s], mask[s], 3) for s in (slice(2), slice(2, 4))]
    assert float(sum(parts)) == pytest.approx(float(masked_mean(values, mask)))


def test_masked_mean_takes_any_denominator():
    """A tensor; and one below 1 counts as 1, also if it is 0."""
    assert float(masked_mean([4.0, 2.0], [1, 1], tf.constant(3))) == 2
    assert float(masked_mean([4.0, 2.0], [0, 0], 0)) == 0
    assert float(masked_mean([4.0, 2.0], [1, 1], 0)) == 6


def test_masked_mean_shows_a_loss_that_is_not_a_number():
    """A mask must not hide that the network has diverged."""
    assert np.isnan(masked_mean([1.0, np.nan], [1, 0]))


def test_masked_mean_refuses_to_broadcast():
    """Losses [3] times mask [3, 1]: the released pseudo-label code's 2.0."""
    with pytest.raises(ValueError, match=r"mask must .* \(3,\), got \(3, 1\)"):
        masked_mean([1.0, 2.0, 6.0], [[1.0], [0.0], [1.0]])
    with pytest.raises(ValueError, match="denominator must have rank 0"):
        masked_mean([1.0, 2.0], [1, 1], [2.0, 2.0])
