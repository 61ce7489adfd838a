"""Cutout (DeVries & Taylor 2017): fills a square patch with one colour."""

from __future__ import annotations

from typing import Callable

import tensorflow as tf

from mixdmt_tf.data.augment.color import Colour, paint

UNIFORMS = 2  # random numbers per image: row and column of the centre


def cutout(
    images: tf.Tensor, uniforms: tf.Tensor, sides: tf.Tensor, fill: Colour
) -> tf.Tensor:
    """Fills a square patch of each image with a colour.

    The centre is a uniformly random pixel, and the patch is clipped at the border of
    the image. A patch with an even side has one more row above its centre, and one more
    column left of it.

    Args:
        images: uint8 [n, H, W, C].
        uniforms: float32 [n, 2] in [0, 1), the random numbers to use.
        sides: [n], sides in pixels, truncated to whole numbers; 0: no patch.
        fill: the colour.

    Returns:
        uint8 [n, H, W, C].
    """
    sides = tf.cast(sides, tf.int32)[:, None]

    def covered(size: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
        """Which indices along one axis belong to the patch: bool [n, size]."""
        centre = tf.cast(uniform * tf.cast(size, tf.float32), tf.int32)
        start = tf.minimum(centre, size - 1)[:, None] - sides // 2
        index = tf.range(size)
        return (index >= start) & (index < start + sides)

    return _painted(images, uniforms, covered, fill)


def cutout_as_released(
    images: tf.Tensor, uniforms: tf.Tensor, sides: tf.Tensor, fill: Colour
) -> tf.Tensor:
    """Applies Cutout as the RandAugment package that DMT's release installs.

    A patch that would begin above or left of the image is moved to its border instead
    of being clipped there. Each patch has one row and one column more than its side.
    Centres lie between 1 and the size of the image.

    Args:
        images: uint8 [n, H, W, C].
        uniforms: float32 [n, 2] in [0, 1), the random numbers to use.
        sides: [n], sides in pixels.
        fill: the colour.

    Returns:
        uint8 [n, H, W, C].
    """
    sides = tf.cast(sides, tf.float64)[:, None]

    def covered(size: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
        """Which indices along one axis belong to the patch: bool [n, size]."""
        most = tf.cast(size, tf.float64)
        centre = most - tf.cast(uniform, tf.float64)[:, None] * (most - 1.0)
        start = tf.floor(tf.maximum(centre - sides / 2.0, 0.0))
        index = tf.range(most)
        return (index >= start) & (index <= start + sides)

    return _painted(images, uniforms, covered, fill)


def _painted(
    images: tf.Tensor,
    uniforms: tf.Tensor,
    covered: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    fill: Colour,
) -> tf.Tensor:
    shape = tf.shape(images)
    rows, columns = covered(shape[1], uniforms[:, 0]), covered(shape[2], uniforms[:, 1])
    hole = rows[:, :, None, None] & columns[:, None, :, None]
    colour = tf.constant(paint(fill, images.shape[-1]), tf.uint8)
    return tf.where(hole, colour, images)
