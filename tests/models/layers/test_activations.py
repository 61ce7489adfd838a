"""Leaky ReLU with a gradient of our own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.models.layers.activations import LeakyReLU, leaky_relu

VALUES = [-1e4, -3.0, -1.0, -1e-3, -0.0, 0.0, 1e-3, 0.3, 1.0, 7.0, 1e4]
DTYPES = [tf.float32, tf.bfloat16, tf.float16, tf.float64]


def inputs(dtype):
    """Special values, and a few hundred ordinary ones."""
    noise = np.random.RandomState(0).normal(size=500)
    return tf.cast(np.concatenate([VALUES, noise]), dtype)


def value_and_gradient(function, x, upstream):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return y, tape.gradient(y, x, output_gradients=upstream)


def reference(x):
    return tf.nn.leaky_relu(x, 0.1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("traced", [False, True])
def test_value_and_gradient_are_those_of_tensorflow(dtype, traced):
    """In the dtype of the input, at zero too."""
    x = inputs(dtype)
    upstream = tf.cast(np.random.RandomState(1).normal(size=x.shape), dtype)

    def run(x, upstream):
        return value_and_gradient(leaky_relu, x, upstream)

    value, gradient = (tf.function(run) if traced else run)(x, upstream)
    expected = value_and_gradient(reference, x, upstream)

    assert value.dtype == gradient.dtype == dtype
    # Once rounded differently: 2^-8 in bfloat16, 2^-11 in float16.
    tolerance = {tf.bfloat16: 2**-7, tf.float16: 2**-10}.get(dtype, 1e-6)
    for ours, theirs in zip((value, gradient), expected):
        ours, theirs = (tf.cast(each, tf.float64) for each in (ours, theirs))
        np.testing.assert_allclose(ours, theirs, rtol=tolerance)
    # The gradient is a product of the same two numbers.
    np.testing.assert_array_equal(gradient, expected[1])


@pytest.mark.parametrize("dtype", DTYPES)
def test_gradient_of_positive_inputs_is_exactly_one(dtype):
    """0.9 + 0.1 is, in each of the dtypes."""
    x = tf.cast([1e-3, 1.0, 50.0], dtype)

    _, gradient = value_and_gradient(leaky_relu, x, tf.ones_like(x))

    np.testing.assert_array_equal(tf.cast(gradient, tf.float32), [1, 1, 1])


def test_a_number_that_is_none_stays_none():
    """Divergence must show."""
    assert np.isnan(leaky_relu(tf.constant(np.nan)))


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16])
def test_second_derivative(dtype):
    """Of f(x)^2: 2 for x > 0 and 2 * 0.1^2 below. Methods such as VAT need it."""
    x = tf.constant([-2.0, -0.5, 0.5, 3.0], dtype)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = leaky_relu(x) ** 2
        first = inner.gradient(y, x)
    second = outer.gradient(first, x)

    first, second = (tf.cast(each, tf.float32) for each in (first, second))
    rtol = 2**-6 if dtype == tf.bfloat16 else 1e-6
    np.testing.assert_allclose(first, [-0.04, -0.01, 1.0, 6.0], rtol=rtol)
    np.testing.assert_allclose(second, [0.02, 0.02, 2.0, 2.0], rtol=rtol)


def test_the_layer_keeps_shape_and_dtype_of_the_policy():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")

    y = LeakyReLU()(tf.constant([[-1.0, 2.0]]))

    assert y.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(y, tf.float32), [[-0.1, 2.0]], rtol=2**-8)


def test_a_model_with_it_is_saved_and_loaded_with_the_same_slope(tmp_path):
    """Keras has functions and layers of these names, with another slope."""
    model = keras.Sequential([keras.Input([3]), LeakyReLU()])
    x, expected = np.array([[-1.0, 0.0, 2.0]]), [[-0.1, 0.0, 2.0]]
    model.save(tmp_path / "model.keras")

    loaded = keras.models.load_model(tmp_path / "model.keras")
    copied = keras.models.model_from_json(model.to_json())

    for each in (model, loaded, copied):
        np.testing.assert_allclose(each(x), expected, rtol=1e-6)
