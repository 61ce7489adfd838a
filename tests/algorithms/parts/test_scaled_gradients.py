"""Steps along the gradients of a scaled loss, on one device."""

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.algorithms.parts.scaled_gradients import apply_scaled_gradients
from tests.test_compat import SCALE, layer, loss_scaling, sgd


def scale_of(optimizer):
    return float(optimizer.dynamic_scale if compat.KERAS_3 else optimizer.loss_scale)


@pytest.mark.parametrize("make", [sgd, loss_scaling])
@pytest.mark.parametrize("traced", [False, True])
def test_a_step_is_the_same_with_and_without_scaling(make, traced):
    """w - 0.5 dw, the scale gone from the gradient."""
    dense, optimizer = layer(), make()
    optimizer.build(dense.trainable_variables)

    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(dense(tf.constant([[3.0, 4.0]])))
            scaled = compat.scale_loss(optimizer, loss)
        variables = dense.trainable_variables
        gradients = tape.gradient(scaled, variables)
        apply_scaled_gradients(optimizer, gradients, variables)

    (tf.function(step) if traced else step)()

    np.testing.assert_allclose(dense.get_weights()[0], [[-0.5], [0.0]], rtol=1e-6)
    np.testing.assert_allclose(dense.get_weights()[1], [-0.5], rtol=1e-6)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("place", [0, 1])
def test_an_overflow_anywhere_skips_the_step_and_halves_the_scale(bad, place):
    """Also the variables whose own gradients are finite stay as they are."""
    dense, optimizer = layer(), loss_scaling()
    optimizer.build(dense.trainable_variables)
    gradients = [np.ones([2, 1], np.float32), np.ones([1], np.float32)]
    gradients[place][0] = bad

    apply_scaled_gradients(
        optimizer, list(map(tf.constant, gradients)), dense.trainable_variables
    )

    assert scale_of(optimizer) == SCALE / 2
    np.testing.assert_array_equal(dense.get_weights()[0], [[1], [2]])
    np.testing.assert_array_equal(dense.get_weights()[1], [0])


@pytest.mark.parametrize("make", [sgd, loss_scaling])
def test_a_weight_that_the_loss_does_not_depend_on_stays(make):
    """Float16 is no reason to ask more of a network than float32 does."""
    dense, optimizer = layer(), make()
    optimizer.build(dense.trainable_variables)
    apply_scaled_gradients(
        optimizer, [tf.ones([2, 1]), None], dense.trainable_variables
    )

    kernel, bias = dense.get_weights()
    assert (kernel < [[1], [2]]).all() and bias == [0]


def test_a_step_after_an_overflow_counts_again():
    dense, optimizer = layer(), loss_scaling()
    optimizer.build(dense.trainable_variables)
    for value in (np.inf, 1.0):
        gradients = [tf.fill([2, 1], value), tf.fill([1], value)]
        apply_scaled_gradients(optimizer, gradients, dense.trainable_variables)

    step = 0.5 / (SCALE / 2)  # the gradient was that of a loss scaled by 4
    np.testing.assert_allclose(dense.get_weights()[1], [-step], rtol=1e-6)
