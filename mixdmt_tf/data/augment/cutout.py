"""Cutout (DeVries & Taylor 2017): a square patch of one colour."""

from __future__ import annotations

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
    shape = tf.shape(images)
    sides = tf.cast(sides, tf.int32)[:, None]

    def covered(size: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
        """Which indices along one axis belong to the patch: bool [n, size]."""
        centre = tf.cast(uniform * tf.cast(size, tf.float32), tf.int32)
        start = tf.minimum(centre, size - 1)[:, None] - sides // 2
        index = tf.range(size)
        return (index >= start) & (index < start + sides)

    rows, columns = covered(shape[1], uniforms[:, 0]), covered(shape[2], uniforms[:, 1])
    hole = rows[:, :, None, None] & columns[:, None, :, None]
    colour = tf.constant(paint(fill, images.shape[-1]), tf.uint8)
    return tf.where(hole, colour, images)
