"""DMT's dynamic weights on known numbers, and their edges."""

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.equations import (
    cross_entropy,
    disagreement_cases,
    dynamic_weight,
    flipped_label,
    flipped_weight,
    mix,
    naive_weight,
)
from tests.equations.inputs import pseudo_labelled

P_B = [0.6, 0.3, 0.1]
# y_A and c_A of examples for which network B predicts P_B: agreement, negative
# disagreement, positive, a tie, positive.
Y_A, C_A = [0, 1, 1, 1, 2], [0.8, 0.8, 0.55, 0.6, 0.34]

# Three pixels, the last one without a label, its confidence as augmentation pads it.
PIXELS = np.array([[0.6, 0.4], [0.2, 0.8], [0.9, 0.1]], np.float32)
PIXEL_LABELS, PIXEL_CONFIDENCE = tf.one_hot([0, 0, 255], 2), [0.7, 0.5, 255.0]

WEIGHTS = [
    dynamic_weight,
    flipped_weight,
    lambda labels, _, probs, gamma1, gamma2: naive_weight(labels, probs, gamma1),
]


def examples():
    """Return labels, confidences and probabilities of the five examples."""
    return tf.one_hot(Y_A, 3), C_A, np.array([P_B] * 5, np.float32)


def test_cases():
    """A tie is a negative disagreement."""
    cases = np.stack(disagreement_cases(*examples()), -1)
    np.testing.assert_array_equal(np.argmax(cases, -1), [0, 1, 2, 1, 2])
    np.testing.assert_array_equal(np.sum(cases, -1), np.ones(5))


@pytest.mark.parametrize(
    ("gamma", "weights"),
    [
        (5, [0.07776, 0.00243, 0, 0.00243, 0]),
        (4, [0.1296, 0.0081, 0, 0.0081, 0]),
        (1, [0.6, 0.3, 0, 0.3, 0]),
    ],
)
def test_dynamic_weight(gamma, weights):
    """Known values."""
    weight = dynamic_weight(*examples(), gamma, gamma)
    np.testing.assert_allclose(weight, weights, rtol=1e-5)


def test_each_gamma_has_its_case():
    """gamma1 for agreement, gamma2 for disagreement; flipping uses the second too."""
    weight = dynamic_weight(*examples(), 1, 2)
    np.testing.assert_allclose(weight, [0.6, 0.09, 0, 0.09, 0], rtol=1e-5)
    weight = flipped_weight(*examples(), 1, 2)
    np.testing.assert_allclose(weight, [0.6, 0.09, 0.2025, 0.09, 0.4356], rtol=1e-5)


def test_gamma_of_zero_leaves_the_cases():
    """0^0 is 1, a probability that underflowed included."""
    np.testing.assert_array_equal(dynamic_weight(*examples(), 0, 0), [1, 1, 0, 1, 0])
    weight = dynamic_weight([[1, 0], [0, 0]], [1.0, 1.0], [[0.0, 1.0]] * 2, 0, 0)
    np.testing.assert_array_equal(weight, [1, 0])


def test_a_larger_gamma_weighs_less():
    """And never outside [0, 1]."""
    arrays = pseudo_labelled(np.random.default_rng(1), [300, 4])
    before = np.ones(300)
    for gamma in (0.5, 1.0, 2.0, 5.0):
        now = dynamic_weight(*arrays, gamma, gamma).numpy()
        assert np.all((now >= 0) & (now <= before)) and np.any(now < before)
        before = now


def test_all_cases_occur_among_the_random_inputs():
    """Otherwise the comparison with the oracle would show little."""
    labels, confidence, probs = pseudo_labelled(np.random.default_rng(20), [300, 4])
    shares = np.mean(disagreement_cases(labels, confidence, probs), -1)
    assert np.all(shares > 0.05) and np.sum(shares) < 0.95
    ties = (confidence == probs.max(-1)) & (labels.argmax(-1) != probs.argmax(-1))
    assert np.any(ties & (labels.sum(-1) > 0))


def test_segmentation_loss():
    """Eq. 7 over the pixels that have a label."""
    weight = dynamic_weight(PIXEL_LABELS, PIXEL_CONFIDENCE, PIXELS, 5, 5)
    np.testing.assert_allclose(weight, [0.07776, 0, 0], rtol=1e-5)
    losses = weight * cross_entropy(PIXEL_LABELS, np.log(PIXELS))
    loss = tf.reduce_sum(losses) / tf.reduce_sum(PIXEL_LABELS)
    assert float(loss) == pytest.approx(0.0198609, rel=1e-5)


def test_naive_weight():
    """The second pixel counts although network B is surer of another class."""
    weight = naive_weight(PIXEL_LABELS, PIXELS, 5)
    np.testing.assert_allclose(weight, [0.07776, 0.00032, 0], rtol=1e-5)


def test_flipped_loss():
    """The second pixel moves to class 1."""
    labels = flipped_label(PIXEL_LABELS, PIXEL_CONFIDENCE, PIXELS)
    np.testing.assert_array_equal(labels, [[1, 0], [0, 1], [0, 0]])
    weight = flipped_weight(PIXEL_LABELS, PIXEL_CONFIDENCE, PIXELS, 5, 5)
    np.testing.assert_allclose(weight, [0.07776, 0.03125, 0], rtol=1e-5)
    losses = weight * cross_entropy(labels, np.log(PIXELS))
    assert float(tf.reduce_sum(losses) / 2) == pytest.approx(0.0233475, rel=1e-5)


def test_mixed_weights():
    """MixUp of weights and labels (5.2.2) gives the loss of each row by hand."""
    weights, labels = tf.constant([0.5, 1.0]), tf.one_hot([0, 1], 2)
    mixed = mix(weights, weights[::-1], 0.8)
    np.testing.assert_allclose(mixed, [0.6, 0.9], rtol=1e-6)
    logits = np.log([[0.7, 0.3], [0.4, 0.6]])
    losses = cross_entropy(mix(labels, labels[::-1], 0.8), logits)
    np.testing.assert_allclose(losses, [0.526135, 0.591919], rtol=1e-5)
    assert float(tf.reduce_mean(mixed * losses)) == pytest.approx(0.424204, rel=1e-5)


@pytest.mark.parametrize("confidence", [0.0, 0.99, 255.0, np.nan])
@pytest.mark.parametrize("weight", WEIGHTS)
def test_without_a_label_nothing_counts(weight, confidence):
    """255, -1 and a mask of zeros; whatever the confidence, and at any gamma."""
    masked = tf.one_hot([0], 2) * tf.constant([[0.0]])
    labels = tf.concat([tf.one_hot([255, -1], 2), masked], axis=0)
    arrays = labels, [confidence] * 3, PIXELS
    for gamma in (0.0, 0.73, 5.0):
        np.testing.assert_array_equal(weight(*arrays, gamma, gamma), np.zeros(3))
    np.testing.assert_array_equal(disagreement_cases(*arrays), np.zeros([3, 3]))
    np.testing.assert_array_equal(flipped_label(*arrays), np.zeros([3, 2]))


def test_a_confidence_above_one_flips_to_no_weight():
    """A softmax may round upwards; a broken power of -1e-7 would be NaN."""
    weight = flipped_weight([[1.0, 0.0]], [1 + 1e-6], [[0.0, 1 + 2e-6]], 0.5, 0.5)
    np.testing.assert_array_equal(weight, [0])


def test_gamma_may_be_ramped():
    """A tensor, as a schedule computes it."""
    weight = dynamic_weight(*examples(), tf.constant(5.0), tf.constant(5.0))
    np.testing.assert_allclose(weight, dynamic_weight(*examples(), 5, 5), rtol=1e-6)


@pytest.mark.parametrize("weight", [*WEIGHTS, lambda *a: disagreement_cases(*a[:3])])
def test_weights_carry_no_gradient(weight):
    """Nothing is to be changed for a lower weight, soft labels included."""
    arrays = [tf.constant(array) for array in examples()]
    with tf.GradientTape() as tape:
        tape.watch(arrays)
        total = tf.reduce_sum(weight(*arrays, 2.0, 2.0))
    assert tape.gradient(total, arrays) == [None, None, None]


def test_gradient_of_the_dynamic_loss():
    """weight * (p - y): that of the cross-entropy, scaled."""
    labels, confidence, probs = examples()
    logits = tf.constant(np.log(probs))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        p = tf.nn.softmax(logits)
        weight = dynamic_weight(labels, confidence, p, 2, 2)
        target = flipped_label(labels, confidence, p)
        loss = tf.reduce_sum(weight * cross_entropy(target, logits))
    expected = np.array([0.36, 0.09, 0, 0.09, 0])[:, None] * (probs - labels)
    np.testing.assert_allclose(tape.gradient(loss, logits), expected, atol=1e-6)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_weights_refuse_what_would_broadcast(weight):
    """Class ids, and a gamma for each example."""
    _, confidence, probs = examples()
    with pytest.raises(ValueError, match="labels must have the shape of probs"):
        weight(Y_A, confidence, probs, 1.0, 1.0)
    with pytest.raises(ValueError, match="gamma must have rank 0"):
        weight(tf.one_hot(Y_A, 3), confidence, probs, [1.0] * 5, [1.0] * 5)


@pytest.mark.parametrize("equation", [disagreement_cases, flipped_label])
def test_confidences_must_fit(equation):
    """[5, 1] would make a matrix of all pairs."""
    labels, confidence, probs = examples()
    with pytest.raises(ValueError, match="confidence must have the shape of examples"):
        equation(labels, np.reshape(confidence, [5, 1]), probs)
