"""Activations with custom gradients, since those of TensorFlow are slow."""

from __future__ import annotations

import keras
import tensorflow as tf


@tf.custom_gradient
def leaky_relu(x):
    """Leaky ReLU with slope 0.1, as in MixMatch's and RealMix's network.

    The values are those of `tf.nn.leaky_relu(x, 0.1)`, and so is the gradient. In
    bfloat16 it is written out as `dy * max(sign(x), 0.1)`: TensorFlow's own kernel for
    it costs a sixth of a forward and backward pass of WRN-28-2 on a CPU
    (`benchmarks/layers.py`), that for float32 is the faster one.

    Args:
        x: any floating tensor.

    Returns:
        A tensor of the shape and dtype of `x`.
    """

    def gradient(dy):
        if dy.dtype == tf.bfloat16:
            return dy * tf.maximum(tf.sign(x), tf.constant(0.1, dy.dtype))
        return tf.raw_ops.LeakyReluGrad(gradients=dy, features=x, alpha=0.1)

    return tf.maximum(x, x * 0.1), gradient


@keras.saving.register_keras_serializable("mixdmt_tf")
class LeakyReLU(keras.layers.Layer):
    """`leaky_relu` as a layer.

    With `keras.layers.Activation`, Keras would save the function by its name, and load
    its own function of that name, which has a slope of 0.2.
    """

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns `leaky_relu(x)`."""
        return leaky_relu(x)
