"""Cutout (DeVries & Taylor 2017): a square patch of one colour."""

from __future__ import annotations

from typing import Callable

import tensorflow as tf

from mixdmt_tf.data.augment.color import Colour, paint

UNIFORMS = 2  # random numbers that one image takes: the row and column of the centre


def cutout(
    images: tf.Tensor, uniforms: tf.Tensor, sides: tf.Tensor, fill: Colour
) -> tf.Tensor:
    """Fills a square with a colour; its part outside of the image is lost.

    The centre is a uniformly random pixel, so a patch near the border is smaller. With
    an even side the patch has one row and column more above and left of its centre.

    Args:
        images: uint8 [n, H, W, C].
        uniforms: float32 [n, 2] in [0, 1), the random numbers to use.
        sides: [n], in pixels, cut off to whole numbers; 0 leaves the image as it is.
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
    """Cutout of the RandAugment package that DMT's release installs.

    A patch that would begin above or left of the image begins at its border, and is no
    smaller for that; each has a row and a column more than its side says. Centres lie
    between 1 and the size of the image.

    Args:
        images: uint8 [n, H, W, C].
        uniforms: float32 [n, 2] in [0, 1), the random numbers to use.
        sides: [n], in pixels.
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
