"""Projective transforms of a batch, each image with its own.

The only module that uses TensorFlow Addons. Where they exist, `tfa.image.transform`
does the work; elsewhere `stand_in` calls the same TensorFlow operation.
"""

from __future__ import annotations

import functools
import warnings
from typing import Callable, Sequence, Union

import tensorflow as tf

from mixdmt_tf.compat import KERAS_3

Fill = Union[int, Sequence[int], tf.Tensor]


def transform(
    images: tf.Tensor,
    transforms: tf.Tensor,
    interpolation: str = "nearest",
    fill: Fill = 0,
) -> tf.Tensor:
    """Samples each image at transformed places.

    The output pixel (x, y) shows the input at ((a0 x + a1 y + a2) / k,
    (b0 x + b1 y + b2) / k), k = c0 x + c1 y + 1; whole numbers are pixel centres.

    Args:
        images: uint8 [n, H, W, C].
        transforms: float32 [n, 8], rows of a0, a1, a2, b0, b1, b2, c0, c1.
        interpolation: 'nearest' or 'bilinear' (rounded to whole levels).
        fill: what lies outside of the image: one level for all channels, one for each
            channel, or [n, C] with a colour for each image.

    Returns:
        uint8 [n, H, W, C].
    """
    projective = implementation()
    transforms = tf.cast(transforms, tf.float32)
    if isinstance(fill, int) and interpolation == "nearest":
        moved = projective(images, transforms, interpolation, fill_value=float(fill))
        return tf.ensure_shape(moved, images.shape)
    # The operation knows one fill value only, so the colour is made zero and back. That
    # is exact: both interpolations are linear and levels are small whole numbers.
    colour = tf.cast(fill, tf.float32)
    if colour.shape.rank == 2:
        colour = colour[:, None, None, :]
    shifted = tf.cast(images, tf.float32) - colour
    moved = projective(shifted, transforms, interpolation, fill_value=0.0) + colour
    moved = tf.cast(tf.clip_by_value(tf.round(moved), 0.0, 255.0), tf.uint8)
    return tf.ensure_shape(moved, images.shape)


@functools.lru_cache(maxsize=None)
def implementation() -> Callable[..., tf.Tensor]:
    """Returns `tfa.image.transform`, or `stand_in` where there are no addons.

    Imported on first use, for most runs never transform.
    """
    if KERAS_3:
        return stand_in
    # On first use a graph may be under construction; none of this belongs into it.
    with tf.init_scope(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the notice that the addons' end has come
        try:
            from tensorflow_addons.image import transform as addons_transform
        except ImportError:
            return stand_in
    return addons_transform


def stand_in(
    images: tf.Tensor,
    transforms: tf.Tensor,
    interpolation: str = "nearest",
    fill_value: float = 0.0,
) -> tf.Tensor:
    """What `tfa.image.transform` does, for batches and a constant fill.

    Args:
        images: [n, H, W, C], uint8 or float32.
        transforms: float32 [n, 8].
        interpolation: 'nearest' or 'bilinear'.
        fill_value: of what lies outside, in all channels.

    Returns:
        Images of the shape and dtype of `images`.
    """
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=tf.shape(images)[1:3],
        fill_value=fill_value,
        interpolation=interpolation.upper(),
        fill_mode="CONSTANT",
    )
