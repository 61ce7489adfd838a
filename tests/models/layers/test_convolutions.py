"""Convolutions that CPUs train fast, compared with Keras's own."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.models.encoders.efficientnet_lite import EfficientNetLite
from mixdmt_tf.models.layers import convolutions
from mixdmt_tf.models.layers.convolutions import DepthwiseConv2D, PointwiseConv2D


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def trained(layer, inputs, upstream, training=True):
    """Outputs, and gradients of inputs and kernel, of a pass of training."""
    inputs = tf.convert_to_tensor(inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, training=training)
    variables = [inputs, *layer.trainable_variables]
    return [outputs, *tape.gradient(outputs, variables, upstream)]


def pair(own, inputs, *arguments, **settings):
    """A layer of ours and the one of Keras it stands for, with the same weights."""
    layers = [kind(*arguments, **settings) for kind in (own, own.__mro__[1])]
    for layer in layers:
        layer.build(inputs.shape)
    layers[0].set_weights(layers[1].get_weights())
    return layers


def operations(layer, inputs, training):
    """Names of the operations of a pass."""
    run = tf.function(lambda x: layer(x, training=training))
    graph = run.get_concrete_function(tf.constant(inputs)).graph
    return {each.type for each in graph.get_operations()}


def slow_kernel_gradient(inputs, upstream, rows, columns, stride):
    """Of a depthwise kernel with 'same' borders, from its definition.

    The output at (p, q) is the sum over (i, j) of kernel[i, j] times the input at
    (s p + i - above, s q + j - left), where missing inputs are 0, and half of those,
    rounded down, are missing before the first.
    """
    _, height, width, channels = inputs.shape
    _, high, wide, _ = upstream.shape
    above = max((high - 1) * stride + rows - height, 0) // 2
    left = max((wide - 1) * stride + columns - width, 0) // 2
    found = np.zeros((rows, columns, channels, 1))
    for i in range(rows):
        for j in range(columns):
            for p in range(high):
                for q in range(wide):
                    y, x = stride * p + i - above, stride * q + j - left
                    if 0 <= y < height and 0 <= x < width:
                        seen = inputs[:, y, x].astype(float) * upstream[:, p, q]
                        found[i, j, :, 0] += seen.sum(0)
    return found


SHAPES = [
    # height, width, rows, columns, stride
    (7, 9, 5, 5, 1),
    (8, 6, 5, 5, 2),
    (7, 9, 5, 5, 2),
    (3, 3, 5, 5, 1),
    (1, 2, 5, 5, 2),
    (6, 8, 3, 7, 1),
    (6, 8, 7, 4, 3),
]


@pytest.mark.parametrize("height, width, rows, columns, stride", SHAPES)
def test_the_gradient_of_a_depthwise_kernel(height, width, rows, columns, stride):
    inputs = normal(2, height, width, 3)
    out = -(-height // stride), -(-width // stride)
    upstream = normal(2, *out, 3, seed=1)
    got = convolutions.kernel_gradient(
        tf.constant(inputs), tf.constant(upstream), (rows, columns, 3, 1), (stride,) * 2
    )
    expected = slow_kernel_gradient(inputs, upstream, rows, columns, stride)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


DEPTHWISE = {"kernel_size": 5, "padding": "same", "use_bias": False}


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    "kind, settings, own",
    [
        (DepthwiseConv2D, {**DEPTHWISE, "strides": 1}, "IdentityN"),  # its gradient
        (DepthwiseConv2D, {**DEPTHWISE, "strides": 2}, "IdentityN"),
        (
            PointwiseConv2D,
            {"filters": 6, "kernel_size": 1, "use_bias": False},
            "MatMul",
        ),
    ],
)
def test_they_train_as_those_of_keras(kind, settings, own, known):
    inputs = normal(2, 8, 11, 4)
    layers = pair(kind, inputs, **settings)
    upstream = normal(*layers[1](inputs).shape, seed=1)
    spec = tf.TensorSpec(inputs.shape if known else [None, None, None, 4])
    got, expected = (
        tf.function(lambda x, each=each: trained(each, x, upstream), [spec])(inputs)
        for each in layers
    )
    for one, other in zip(got, expected):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    assert own in operations(layers[0], inputs, True)


PLAIN = {"padding": "same", "use_bias": False}
LEFT = [
    (PointwiseConv2D, (6, 1), {"use_bias": False, "strides": 2}, True),
    (PointwiseConv2D, (6, 1), {}, True),
    (PointwiseConv2D, (6, 3), {"use_bias": False}, True),
    (PointwiseConv2D, (6, 1), {"use_bias": False, "dtype": "mixed_bfloat16"}, True),
    (PointwiseConv2D, (6, 1), {"use_bias": False}, False),
    (PointwiseConv2D, (6, 1), {"use_bias": False, "activation": "relu"}, True),
    (DepthwiseConv2D, (5,), {**PLAIN, "activation": "relu"}, True),
    (DepthwiseConv2D, (5,), {"use_bias": False}, True),
    (DepthwiseConv2D, (5,), {"padding": "same"}, True),
    (DepthwiseConv2D, (3,), PLAIN, True),
    (DepthwiseConv2D, (5,), PLAIN, False),
]


@pytest.mark.parametrize("kind, arguments, settings, training", LEFT)
def test_what_is_left_to_keras(kind, arguments, settings, training):
    inputs = normal(2, 7, 7, 4)
    layers = pair(kind, inputs, *arguments, **settings)
    got, expected = (operations(each, inputs, training) for each in layers)
    assert got == expected
    one, other = (each(inputs, training=training) for each in layers)
    np.testing.assert_array_equal(tf.cast(one, "float32"), tf.cast(other, "float32"))


def test_on_a_gpu_all_is_left_to_keras(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    inputs = normal(2, 7, 7, 4)
    layers = pair(PointwiseConv2D, inputs, 6, 1, use_bias=False)
    got, expected = (operations(each, inputs, True) for each in layers)
    assert got == expected


def test_they_are_made_again_from_what_they_say_of_themselves():
    for layer in (PointwiseConv2D(3, 1, name="a"), DepthwiseConv2D(5, name="b")):
        again = keras.saving.deserialize_keras_object(
            keras.saving.serialize_keras_object(layer)
        )
        assert type(again) is type(layer) and again.get_config() == layer.get_config()


def test_an_encoder_trains_with_them():
    images = keras.Input((32, 32, 3))
    features = EfficientNetLite(0, 0.9).features(images)[32]
    layers = keras.Model(images, features)._flatten_layers()
    assert {PointwiseConv2D, DepthwiseConv2D} <= {type(each) for each in layers}
