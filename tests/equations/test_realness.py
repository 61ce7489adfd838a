from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.equations import (
    binary_cross_entropy,
    cross_entropy,
    feature_matching,
    hard_label,
    masked_mean,
    realness_mask,
)


def test_a_discriminator_that_knows_nothing():
    for truth in (0.0, 1.0):
        loss = binary_cross_entropy(tf.fill([3], truth), tf.zeros(3))
        np.testing.assert_allclose(loss, np.log(2), rtol=1e-6)


def test_surely_wrong_stays_finite():
    loss = binary_cross_entropy([1.0, 0.0], [-1000.0, 1000.0])
    np.testing.assert_array_equal(loss, [1000, 1000])


def test_self_training_by_hand():
    """Hung et al., Eq. 5, on four pixels of two classes."""
    s = np.array([0.1, 0.2, 0.3, 0.7], np.float32)
    z = tf.constant([[2.0, 0.0], [0.0, 2.0], [1.0, 0.0], [0.0, 0.5]])
    kept = realness_mask(np.log(s / (1 - s)), 0.19)
    np.testing.assert_array_equal(kept, [0, 1, 1, 1])
    values = cross_entropy(hard_label(z), z)
    np.testing.assert_allclose(values[1:], [0.126928, 0.313262, 0.474077], rtol=1e-5)
    assert float(masked_mean(values, kept)) == pytest.approx(0.304756, rel=1e-5)


def test_the_threshold_itself_is_not_above_it():
    np.testing.assert_array_equal(realness_mask([0.0, 0.01], 0.5), [0, 1])


def test_a_mask_has_no_gradient_and_a_loss_has():
    z = tf.constant([0.3, -2.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(z)
        mask, loss = realness_mask(z, 0.5), binary_cross_entropy([1.0, 1.0], z)
    assert tape.gradient(mask, z) is None
    expected = -1 / (1 + np.exp([0.3, -2.0]))
    np.testing.assert_allclose(tape.gradient(loss, z), expected, rtol=1e-5)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="truth must have the shape of logits"):
        binary_cross_entropy(tf.ones([2, 1]), tf.zeros(2))


def test_feature_matching_by_hand():
    true, predicted = np.mean([[1, 2], [3, 4]], 0), np.mean([[0, 1], [2, 1]], 0)
    assert float(feature_matching(true, predicted)) == 1.5


def test_images_that_are_learnt():
    """s4GAN with gamma .6."""
    s = np.array([0.595, 0.61, 0.2])
    np.testing.assert_array_equal(realness_mask(np.log(s / (1 - s)), 0.6), [0, 1, 0])
