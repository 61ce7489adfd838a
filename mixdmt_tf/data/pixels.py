"""Conversion of pixels from files to inputs of networks."""

from __future__ import annotations

import tensorflow as tf

LUMINANCE = (0.299, 0.587, 0.114)  # weights of red, green and blue (ITU-R 601)


def to_float(images: tf.Tensor) -> tf.Tensor:
    """Converts uint8 pixels to float32 in [-1, 1], the range that networks expect."""
    return tf.cast(images, tf.float32) * (2.0 / 255.0) - 1.0
