"""Unit perturbations, one step of the power iteration, and the fast gradient sign."""

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.equations import (
    adversarial_perturbation,
    fast_gradient_sign,
    unit_perturbation,
)

HESSIAN = np.array([[2.0, 1.0, 0.0], [1.0, 3.0, 0.5], [0.0, 0.5, 1.0]], np.float32)
START = np.array([[1.0, 0.0, 0.0], [3.0, -4.0, 12.0]], np.float32)


def quadratic(r):
    """Half of r^T H r: its gradient at any r is H r, without rounding to speak of."""
    return 0.5 * tf.reduce_sum(r * tf.matmul(r, HESSIAN), axis=-1)


def test_unit_perturbation_of_known_vectors():
    """3, 4 and 12 make 13."""
    np.testing.assert_allclose(
        unit_perturbation(START), [[1, 0, 0], [3 / 13, -4 / 13, 12 / 13]], rtol=1e-6
    )


@pytest.mark.parametrize("size", [1e-8, 1.0, 1e15])
def test_unit_perturbation_does_not_care_about_size(size):
    """The square of 1e-23, a gradient that occurs, is 0 in float32."""
    images = np.random.default_rng(0).normal(size=[4, 5, 5, 3]).astype(np.float32)
    unit = unit_perturbation(size * images)
    norms = np.sqrt(np.sum(np.square(unit), axis=(1, 2, 3)))
    np.testing.assert_allclose(norms, 1, rtol=1e-3)
    np.testing.assert_allclose(unit, unit_perturbation(images), rtol=1e-3)


def test_unit_perturbation_of_zero_is_zero():
    """Not 0 / 0."""
    np.testing.assert_array_equal(unit_perturbation(np.zeros([2, 3])), np.zeros([2, 3]))


def test_unit_perturbation_refuses_one_number_for_each_example():
    """That is no direction."""
    with pytest.raises(ValueError, match="d must have rank at least 2"):
        unit_perturbation([1.0, 2.0])


@pytest.mark.parametrize("xi", [1e-6, 1e-2, 10.0])
def test_adversarial_perturbation_is_one_power_iteration(xi):
    """epsilon H d / ||H d||, whatever the length of d and of the step."""
    expected = START @ HESSIAN
    expected *= 6 / np.linalg.norm(expected, axis=-1, keepdims=True)
    r = adversarial_perturbation(quadratic, START, xi, 6.0)
    np.testing.assert_allclose(r, expected, rtol=1e-5)


def test_adversarial_perturbation_approaches_the_dominant_eigenvector():
    """Repeated, it has no other limit."""
    values, vectors = np.linalg.eigh(HESSIAN)
    d = START
    for _ in range(50):
        d = adversarial_perturbation(quadratic, d, 1.0, 1.0)
    cosine = np.abs(d.numpy() @ vectors[:, values.argmax()])
    np.testing.assert_allclose(cosine, 1, rtol=1e-5)


def test_adversarial_perturbation_stops_the_gradient():
    """Also that of what the divergence was computed with."""
    factor = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        r = adversarial_perturbation(
            lambda r: factor * quadratic(r), START + factor, 1.0, 6.0
        )
        loss = tf.reduce_sum(r)
    assert tape.gradient(loss, factor) is None


def test_adversarial_perturbation_survives_half_precision():
    """A gradient that float16 could not hold on its way back."""

    def divergence(r):
        return 1e-9 * tf.cast(tf.reduce_sum(tf.cast(r * r, tf.float16), -1), tf.float32)

    r = adversarial_perturbation(divergence, START, 1.0, 1.0)
    np.testing.assert_allclose(r, unit_perturbation(START), rtol=0.1)


def test_adversarial_perturbation_without_a_slope_is_zero():
    """A network that says the same of every image has no adversarial direction."""
    r = adversarial_perturbation(lambda r: 0 * quadratic(r), START, 1.0, 6.0)
    np.testing.assert_array_equal(r, np.zeros([2, 3]))


def test_fast_gradient_sign_raises_a_known_loss():
    """Up where the loss grows, down where it falls, nowhere where it is flat."""
    images = np.array([[1.0, -2.0, 0.0], [0.5, 0.0, 3.0]], np.float32)
    moved = fast_gradient_sign(lambda x: tf.reduce_sum(x * x, -1), images, 0.25)
    np.testing.assert_array_equal(moved, [[1.25, -2.25, 0.0], [0.75, 0.0, 3.25]])


def test_fast_gradient_sign_does_not_care_about_the_size_of_the_gradient():
    """Nor does it underflow in float16."""

    def loss(x):
        return 1e-9 * tf.cast(tf.reduce_sum(tf.cast(x, tf.float16), -1), tf.float32)

    moved = fast_gradient_sign(loss, START, 0.5)
    np.testing.assert_array_equal(moved, START + 0.5)


def test_fast_gradient_sign_stops_the_gradient():
    """Adversarial examples are images like others."""
    factor = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        moved = fast_gradient_sign(
            lambda x: factor * quadratic(x), START * factor, epsilon=0.1
        )
        total = tf.reduce_sum(moved)
    assert tape.gradient(total, factor) is None
