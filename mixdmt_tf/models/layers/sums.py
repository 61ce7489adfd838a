"""Sums of two convolutions whose gradients TensorFlow does not take for one."""

from __future__ import annotations

from typing import Any, Sequence, Tuple

import keras
import tensorflow as tf


@tf.custom_gradient
def _copied(x: tf.Tensor) -> Tuple[tf.Tensor, Any]:
    """A copy, which TensorFlow does not replace by `x` itself."""
    return tf.raw_ops.Snapshot(input=x), lambda dy: dy


@tf.custom_gradient
def added(x: tf.Tensor, y: tf.Tensor) -> Tuple[tf.Tensor, Any]:
    """The sum of two tensors, of which `y` gets a copy of the gradient.

    On a CPU the gradient of a convolution's bias is computed along with that of a
    kernel. Where two convolutions have one and the same upstream gradient, TensorFlow
    does so once for both biases, with the kernel of either, which one changing from
    process to process. The kernels' shapes decide in which order oneDNN adds up, and
    in bfloat16 that is seen (`docs/reliability.md`).

    Args:
        x: any floating tensor.
        y: another one of its shape and dtype.

    Returns:
        A tensor of their shape and dtype.
    """
    return x + y, lambda dy: (dy, _copied(dy))


@keras.saving.register_keras_serializable("mixdmt_tf")
class Add(keras.layers.Add):
    """`added` as a layer: Keras's own, of two convolutions with biases."""

    def call(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """The sum of two tensors of one shape and dtype."""
        x, y = inputs
        return added(x, y)
