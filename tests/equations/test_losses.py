"""Cross-entropy, squared error, divergences and entropy."""

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.equations import (
    cross_entropy,
    entropy,
    js_divergence,
    kl_divergence,
    squared_error,
)


def test_cross_entropy_of_known_probabilities():
    """-log p of the true class."""
    p_true = np.array([0.2, 0.5, 0.6, 0.9])
    logits = np.log(np.stack([p_true, 1 - p_true], axis=-1))
    loss = cross_entropy(np.eye(2)[[0, 0, 0, 0]], logits)
    np.testing.assert_allclose(
        loss, [1.609438, 0.693147, 0.510826, 0.105361], atol=1e-6
    )


def test_cross_entropy_is_linear_in_the_label():
    """A label mixed by MixUp costs the mixture of both costs."""
    logits = np.array([[2.0, -1.0, 0.5]])
    first, second = (cross_entropy(np.eye(3)[[c]], logits) for c in (0, 2))
    mixed = cross_entropy([[0.7, 0.0, 0.3]], logits)
    np.testing.assert_allclose(mixed, 0.7 * first + 0.3 * second, rtol=1e-6)


def test_cross_entropy_ignores_a_shift_of_the_logits():
    """As softmax does."""
    labels, logits = np.eye(3)[[1, 2]], np.array([[1.0, 2.0, 3.0], [0.0, -4.0, 4.0]])
    shifted = cross_entropy(labels, logits + 16)
    np.testing.assert_allclose(shifted, cross_entropy(labels, logits), atol=1e-6)


def test_cross_entropy_without_a_label_is_zero():
    """So an ignored pixel costs nothing."""
    np.testing.assert_array_equal(
        cross_entropy(np.zeros([1, 3]), [[5.0, 1.0, -7.0]]), [0]
    )


def test_gradient_of_cross_entropy_for_labels_of_any_sum():
    """A row's sum is the weight of its example: sum * softmax - labels."""
    labels = np.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0], [0.3, 0.4, 0.3], [0, 2.0, 0]])
    logits = tf.constant(np.tile([1.0, 0.0, -1.0], [4, 1]), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = cross_entropy(labels, logits)
    p = np.exp([1.0, 0.0, -1.0]) / np.sum(np.exp([1.0, 0.0, -1.0]))
    expected = labels.sum(-1, keepdims=True) * p - labels
    np.testing.assert_allclose(tape.gradient(loss, logits), expected, atol=1e-6)


@pytest.mark.parametrize("true_class", [0, 1])
def test_cross_entropy_stays_finite_when_the_softmax_saturates(true_class):
    """Logits +-1e4: a loss of 0 or 2e4, and a gradient of p - label."""
    logits, labels = tf.constant([[1e4, -1e4]]), tf.one_hot([true_class], 2)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = cross_entropy(labels, logits)
    np.testing.assert_allclose(loss, [2e4 * true_class])
    np.testing.assert_allclose(tape.gradient(loss, logits), [[1, 0]] - labels)


def test_cross_entropy_refuses_class_ids():
    """Ids [B] against logits [B, C]; with B = C they would have broadcast."""
    with pytest.raises(ValueError, match="labels must have the shape of logits"):
        cross_entropy([0, 1, 2], np.zeros([3, 3]))


def test_squared_error_of_known_rows():
    """Rows of differences whose mean over rows and classes is 0.0594444."""
    q = np.array([[0.1, -0.1, 0.0], [0.3, -0.2, -0.1], [0.5, -0.25, -0.25]])
    error = squared_error(q, np.zeros([3, 3]))
    np.testing.assert_allclose(error, [0.02 / 3, 0.14 / 3, 0.375 / 3], rtol=1e-6)
    assert np.mean(error) == pytest.approx(0.0594444, abs=1e-7)


def test_squared_error_of_opposite_certainties():
    """One-hot against another one-hot is the most there is: 2 / C."""
    np.testing.assert_allclose(squared_error([[1, 0, 0, 0]], [[0, 0, 0, 1]]), [0.5])


def test_squared_error_gradient():
    """2 (p - q) / C with respect to p, finite for one-hot p as well."""
    p, q = tf.constant([[1.0, 0.0, 0.0]]), tf.constant([[0.5, 0.25, 0.25]])
    with tf.GradientTape() as tape:
        tape.watch(p)
        loss = squared_error(q, p)
    np.testing.assert_allclose(tape.gradient(loss, p), 2 * (p - q) / 3, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e4, 1e30])
def test_squared_error_behind_a_saturated_softmax(scale):
    """No overflow on the way back to the logits."""
    logits = tf.constant([[scale, 0.0, -scale]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = squared_error([[0.2, 0.2, 0.6]], tf.nn.softmax(logits))
    assert np.all(np.isfinite(tape.gradient(loss, logits)))


def test_losses_stop_no_gradient():
    """A caller who passes targets that are not stopped learns them too."""
    x, y = tf.constant([[0.2, 0.8]]), tf.constant([[0.6, 0.4]])
    for loss in (cross_entropy, squared_error):
        with tf.GradientTape() as tape:
            tape.watch([x, y])
            value = loss(x, y)
        for gradient in tape.gradient(value, [x, y]):
            assert gradient is not None and np.any(gradient != 0)


@pytest.mark.parametrize("loss", [cross_entropy, squared_error])
def test_losses_refuse_other_shapes(loss):
    """Views [K, B, C] against one target [B, C] would broadcast silently."""
    with pytest.raises(ValueError, match=r"\(2, 4, 3\), got \(4, 3\)"):
        loss(np.zeros([4, 3]), np.zeros([2, 4, 3]))
    with pytest.raises(ValueError, match="rank at least 1"):
        loss(1.0, 1.0)


P, Q = np.array([[0.5, 0.25, 0.25]]), np.array([[0.25, 0.25, 0.5]])


def test_kl_divergence_of_known_probabilities():
    """.5 log 2 - .25 log 2; it isn't symmetric, as (p, uniform) shows."""
    divergence = kl_divergence(np.log(P), np.log(Q))
    np.testing.assert_allclose(divergence, [0.25 * np.log(2)], rtol=1e-5)
    uniform = np.zeros([1, 3])
    one, other = kl_divergence(np.log(P), uniform), kl_divergence(uniform, np.log(P))
    np.testing.assert_allclose(one, [np.log(3) - 1.5 * np.log(2)], rtol=1e-4)
    np.testing.assert_allclose(other, [5 / 3 * np.log(2) - np.log(3)], rtol=1e-4)


def test_kl_divergence_of_a_prediction_from_itself_is_zero():
    """Whatever is added to the logits."""
    logits = np.array([[2.0, -1.0, 0.5], [100.0, 0.0, -100.0]])
    np.testing.assert_allclose(kl_divergence(logits, logits + 8), 0, atol=1e-6)


def test_kl_divergence_is_cross_entropy_less_entropy():
    """Its definition read in another way, and how its gradient looks."""
    target, logits = tf.constant(np.log(P), tf.float32), tf.constant([[1.0, -2.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        divergence = kl_divergence(target, logits)
    expected = cross_entropy(P, logits) - entropy(target)
    np.testing.assert_allclose(divergence, expected, rtol=1e-5)
    gradient = tape.gradient(divergence, logits)
    np.testing.assert_allclose(gradient, tf.nn.softmax(logits) - P, rtol=1e-5)


def test_entropy_of_known_probabilities():
    """1.5 bits, and log C for a uniform prediction."""
    np.testing.assert_allclose(entropy(np.log(P)), [1.5 * np.log(2)], rtol=1e-6)
    np.testing.assert_allclose(entropy(np.zeros([1, 7])), [np.log(7)], rtol=1e-6)


def test_divergence_and_entropy_stay_finite_when_the_softmax_saturates():
    """Logits +-1e4: 0 and 2e4, gradients included."""
    logits = tf.constant([[1e4, -1e4]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        apart, none = kl_divergence(logits, -logits), entropy(logits)
    np.testing.assert_allclose(apart, [2e4])
    np.testing.assert_array_equal(none, [0])
    for value in (apart, none):
        assert np.all(np.isfinite(tape.gradient(value, logits)))


def test_divergence_and_entropy_refuse_other_shapes():
    """As the other losses."""
    with pytest.raises(ValueError, match=r"\(2, 4, 3\), got \(4, 3\)"):
        kl_divergence(np.zeros([4, 3]), np.zeros([2, 4, 3]))
    with pytest.raises(ValueError, match="rank at least 1"):
        entropy(1.0)


def test_js_divergence_of_known_probabilities():
    """Nothing in common: log 2. (1, 0) and (1/2, 1/2): .2158."""
    p = np.array([[1.0, 1e-30], [1.0, 1e-30], [0.3, 0.7]])
    q = np.array([[1e-30, 1.0], [0.5, 0.5], [0.3, 0.7]])
    expected = [np.log(2), 0.215762, 0]
    np.testing.assert_allclose(js_divergence(np.log(p), np.log(q)), expected, atol=1e-6)
    np.testing.assert_allclose(js_divergence(np.log(q), np.log(p)), expected, atol=1e-6)


def test_js_divergence_moves_both_predictions_and_stays_finite():
    """Towards each other, even from saturated softmaxes."""
    for size in (1.0, 1e4):
        p, q = tf.constant([[size, 0.0]]), tf.constant([[0.0, size]])
        with tf.GradientTape() as tape:
            tape.watch([p, q])
            loss = js_divergence(p, q)
        first, second = tape.gradient(loss, [p, q])
        assert np.isfinite(loss).all() and np.isfinite([first, second]).all()
        np.testing.assert_allclose(first, -second, atol=1e-6)
        assert size > 1 or first[0, 0] > 0.01


def test_js_divergence_refuses_other_shapes():
    """One prediction against many would have broadcast."""
    with pytest.raises(ValueError, match="other_logits must have the shape of logits"):
        js_divergence(np.zeros([4, 3]), np.zeros([1, 3]))
