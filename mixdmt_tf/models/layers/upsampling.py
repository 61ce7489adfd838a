"""Bilinear upsampling with aligned corners, as used to train DeepLab-v2.

It equals PyTorch's `interpolate(mode='bilinear', align_corners=True)`. TensorFlow 2's
`tf.image.resize` treats pixels as areas, and so maps corners to points outside of the
corners; its maps are shifted relative to those of published DeepLab weights.
"""

from __future__ import annotations

from typing import Any, Sequence, Tuple, Union

import keras
import tensorflow as tf


def upsample(
    x: tf.Tensor,
    height: Union[int, tf.Tensor],
    width: Union[int, tf.Tensor],
) -> tf.Tensor:
    """Resizes maps so that the centres of the corner pixels stay where they are.

    Output row i lies at input row i (h - 1) / (height - 1), columns likewise, with
    linear interpolation in between; an output of one row is the first of the input.
    Computed in float32, whatever the dtype of `x`: in half precision, interpolated
    logits would be quantized. Downsampling works too, and skips pixels.

    Args:
        x: floating [B, h, w, C].
        height: rows of the output, positive.
        width: columns of the output, positive.

    Returns:
        float32 [B, height, width, C]. The gradient reaches `x`.
    """
    return tf.raw_ops.ResizeBilinear(
        images=tf.cast(x, tf.float32),
        size=tf.stack([height, width]),
        align_corners=True,
        half_pixel_centers=False,
    )


@keras.saving.register_keras_serializable("mixdmt_tf")
class Upsampling(keras.layers.Layer):
    """`upsample` as a layer: resizes maps to the height and width of other maps.

    The size follows from the second input when the layer is called, so that one network
    serves images of all sizes. The result is float32 under every precision policy.
    """

    def __init__(self, **kwargs: Any):
        """Initializes the layer in float32.

        Args:
            **kwargs: of every Keras layer.
        """
        kwargs.setdefault("dtype", "float32")
        # Only the size of the second input is used; `upsample` casts the first one.
        super().__init__(autocast=False, **kwargs)

    def call(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Resizes the first input to the size of the second.

        Args:
            inputs: (x, like): x floating [B, h, w, C], like [B, H, W, any].

        Returns:
            float32 [B, H, W, C].
        """
        x, like = inputs
        # Static sizes keep the shapes of the graph static.
        height = like.shape[1] or tf.shape(like)[1]
        width = like.shape[2] or tf.shape(like)[2]
        return upsample(x, height, width)

    def compute_output_shape(
        self, input_shape: Sequence[Sequence[Any]]
    ) -> Tuple[Any, ...]:
        """Returns [B, H, W, C] for ([B, h, w, C], [B, H, W, any])."""
        x, like = input_shape
        return (x[0], like[1], like[2], x[3])
