"""Projective transforms of a batch, with a separate transform for each image.

This is the only module that uses TensorFlow Addons. If they are available,
`tfa.image.transform` is used; otherwise `stand_in` calls the same TensorFlow operation.
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
    """Samples each image at transformed coordinates.

    The output pixel (x, y) shows the input at ((a0 x + a1 y + a2) / k,
    (b0 x + b1 y + b2) / k), k = c0 x + c1 y + 1; integers are pixel centres.

    Args:
        images: uint8 [n, H, W, C].
        transforms: float32 [n, 8], rows of a0, a1, a2, b0, b1, b2, c0, c1.
        interpolation: 'nearest' or 'bilinear' (rounded to whole levels).
        fill: fill value outside of the image: one level for all channels, one for each
            channel, or [n, C] with a colour for each image.

    Returns:
        uint8 [n, H, W, C].
    """
    projective = implementation()
    transforms = tf.cast(transforms, tf.float32)
    if isinstance(fill, int) and interpolation == "nearest":
        moved = projective(images, transforms, interpolation, fill_value=float(fill))
        return tf.ensure_shape(moved, images.shape)
    # The operation has a single fill value, so the colour is subtracted before and
    # added afterwards. This is exact: both interpolations are linear and levels are
    # small integers.
    colour = tf.cast(fill, tf.float32)
    if colour.shape.rank == 2:
        colour = colour[:, None, None, :]
    shifted = tf.cast(images, tf.float32) - colour
    moved = projective(shifted, transforms, interpolation, fill_value=0.0) + colour
    moved = tf.cast(tf.clip_by_value(tf.round(moved), 0.0, 255.0), tf.uint8)
    return tf.ensure_shape(moved, images.shape)


@functools.lru_cache(maxsize=None)
def implementation() -> Callable[..., tf.Tensor]:
    """Returns `tfa.image.transform`, or `stand_in` without TensorFlow Addons.

    They are imported on first use, because most runs never transform images.
    """
    if KERAS_3:
        return stand_in
    # A graph may be under construction on first use; nothing here belongs into it.
    with tf.init_scope(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the notice of Addons' end of life
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
    """Replaces `tfa.image.transform` for batches and a constant fill.

    Args:
        images: [n, H, W, C], uint8 or float32.
        transforms: float32 [n, 8].
        interpolation: 'nearest' or 'bilinear'.
        fill_value: value of all channels outside of the image.

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
