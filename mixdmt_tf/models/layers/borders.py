"""Layers that pad images to a size that a segmenter accepts, and crop its outputs.

Upsampling with aligned corners puts the last feature on the last pixel, which is right
if a side is one more than a multiple of the stride. These layers are only part of
exported Keras models.
"""

from __future__ import annotations

from typing import Any, Dict, Sequence, Tuple

import keras
import tensorflow as tf


def repeated_border(images: tf.Tensor, stride: int, rest: int = 1) -> tf.Tensor:
    """Repeats the last row and column until both sides are `rest` modulo the stride.

    Args:
        images: [B, H, W, C] of any dtype.
        stride: pixels.
        rest: 1, or 0 for networks that need multiples, such as U-Nets.
    """
    for axis in (1, 2):
        side = tf.shape(images)[axis]
        whole = side + (rest - side) % stride
        images = tf.gather(images, tf.minimum(tf.range(whole), side - 1), axis=axis)
    return images


@keras.saving.register_keras_serializable("mixdmt_tf")
class RepeatedBorder(keras.layers.Layer):
    """`repeated_border` as a layer."""

    def __init__(self, stride: int, **kwargs: Any):
        """Initializes the layer.

        Args:
            stride: pixels.
            **kwargs: of every Keras layer.
        """
        super().__init__(**kwargs)
        self.stride = stride

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Enlarges images [B, H, W, C]."""
        return repeated_border(images, self.stride)

    def compute_output_shape(self, input_shape: Sequence[Any]) -> Tuple[Any, ...]:
        """Returns [B, None, None, C]."""
        return (input_shape[0], None, None, input_shape[3])

    def get_config(self) -> Dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "stride": self.stride}


@keras.saving.register_keras_serializable("mixdmt_tf")
class CroppedLike(keras.layers.Layer):
    """Crops maps to the height and width of other maps."""

    def call(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Returns the upper left part of the first input, as large as the second.

        Args:
            inputs: (x, like): [B, h, w, C], [B, H, W, any] with H <= h and W <= w.

        Returns:
            [B, H, W, C].
        """
        x, like = inputs
        return x[:, : tf.shape(like)[1], : tf.shape(like)[2]]

    def compute_output_shape(
        self, input_shape: Sequence[Sequence[Any]]
    ) -> Tuple[Any, ...]:
        """Returns [B, H, W, C]."""
        x, like = input_shape
        return (x[0], like[1], like[2], x[3])
