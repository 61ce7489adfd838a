"""Variants of Keras's convolutions that train faster on a CPU.

Their results are the same except for rounding, and they have the weights and names of
the layers that they replace. In inference, on GPUs, in half precision and in all
unsupported cases they call Keras's own code, so exported networks have the operations
of stock layers.
"""

from __future__ import annotations

from typing import Any, Optional, Tuple

import keras
import tensorflow as tf

from mixdmt_tf import compat

# Columns of the widest kernel for whose gradient oneDNN has fast code.
_COLUMNS = 3


@keras.saving.register_keras_serializable("mixdmt_tf")
class PointwiseConv2D(keras.layers.Conv2D):
    """A 1x1 convolution computed as a matrix product.

    On a CPU, TensorFlow takes twice as long for the kernel's gradient if it is computed
    as a convolution.
    """

    def call(self, inputs: Any, training: Optional[bool] = None) -> Any:
        """Convolves [B, H, W, C] to [B, H, W, filters]."""
        plain = self.kernel_size == self.strides == (1, 1) and _adds_nothing(self)
        if not plain or not _trains_on_cpu(inputs, training):
            return super().call(inputs)
        kernel = tf.reshape(self.kernel, [-1, self.filters])
        return tf.tensordot(inputs, kernel, 1)


@keras.saving.register_keras_serializable("mixdmt_tf")
class DepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """A depthwise convolution that computes the kernel's gradient in parts.

    oneDNN has fast code for the gradient of kernels of up to three columns, and takes
    many times as long for wider ones. Here it gets three columns at a time.
    """

    def call(self, inputs: Any, training: Optional[bool] = None) -> Any:
        """Convolves each channel of [B, H, W, C]."""
        plain = self.padding == "same" and _adds_nothing(self)
        plain = plain and self.depth_multiplier == 1 and max(self.dilation_rate) == 1
        plain = plain and max(self.strides) <= min(self.kernel_size)
        wide = self.kernel_size[1] > _COLUMNS
        if not (plain and wide and _trains_on_cpu(inputs, training)):
            return super().call(inputs)
        kernel = tf.convert_to_tensor(compat.depthwise_kernel(self))
        return _depthwise(tf.convert_to_tensor(inputs), kernel, self.strides)


def _adds_nothing(layer: keras.layers.Layer) -> bool:
    """Returns whether a layer has neither bias nor activation."""
    linear = layer.activation in (None, keras.activations.linear)
    return linear and not layer.use_bias


def _trains_on_cpu(inputs: Any, training: Optional[bool]) -> bool:
    """Returns whether this pass is for training, on a CPU and in float32."""
    if not training or tf.config.list_physical_devices("GPU"):
        return False
    return bool(tf.as_dtype(inputs.dtype) == tf.float32)


def _depthwise(inputs: tf.Tensor, kernel: tf.Tensor, strides: Tuple[int, int]) -> Any:
    """Computes Keras's depthwise convolution with 'same' padding."""
    steps = [1, *strides, 1]

    @tf.custom_gradient
    def convolve(inputs: tf.Tensor, kernel: tf.Tensor) -> Any:
        def gradient(upstream: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
            of_inputs = tf.nn.depthwise_conv2d_backprop_input(
                tf.shape(inputs), kernel, upstream, steps, "SAME"
            )
            return of_inputs, kernel_gradient(inputs, upstream, kernel.shape, strides)

        return tf.nn.depthwise_conv2d(inputs, kernel, steps, "SAME"), gradient

    return convolve(inputs, kernel)


def kernel_gradient(
    inputs: tf.Tensor, upstream: tf.Tensor, shape: Any, strides: Tuple[int, int]
) -> tf.Tensor:
    """Computes the kernel gradient of a depthwise convolution with 'same' padding.

    Args:
        inputs: float32 [B, H, W, C].
        upstream: the gradient of the outputs, float32 [B, ceil(H / s), ceil(W / s), C].
        shape: of the kernel, [rows, columns, C, 1].
        strides: s of rows and of columns, at most the size of the kernel.

    Returns:
        float32 of the given shape.
    """
    rows, columns, channels, _ = shape
    parts = -(-columns // _COLUMNS)
    out = tf.shape(upstream)[1:3]
    kernel = tf.constant([rows, columns])
    # Pad to all pixels that the kernel covers, with half of the padding before.
    missing = (out - 1) * strides + kernel - tf.shape(inputs)[1:3]
    before = missing // 2
    after = missing - before + [0, parts * _COLUMNS - columns]  # for the last part
    borders = tf.stack([before, after], 1)
    padded = tf.pad(inputs, tf.pad(borders, [[1, 1], [0, 0]]))
    width = (out[1] - 1) * strides[1] + _COLUMNS
    found = [
        tf.nn.depthwise_conv2d_backprop_filter(
            padded[:, :, first : first + width],
            [rows, _COLUMNS, channels, 1],
            upstream,
            [1, *strides, 1],
            "VALID",
        )
        for first in range(0, parts * _COLUMNS, _COLUMNS)
    ]
    return tf.concat(found, 1)[:, :columns]
