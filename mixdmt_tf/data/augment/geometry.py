"""Geometric operations on batches, uint8 [n, H, W, C] with C = 1 or 3.

They follow Pillow's `Image.transform(AFFINE)` and `Image.rotate` with nearest-pixel
sampling. Up to 128 pixels a side and 45 degrees, results equal Pillow's to the pixel.
Beyond that coordinates are rounded differently, and about one pixel in 50,000 is a
neighbour of the one that Pillow takes.
"""

from __future__ import annotations

import math

import tensorflow as tf

from mixdmt_tf.data.augment.color import Colour, paint
from mixdmt_tf.data.augment.transform import transform


def shear_x(images: tf.Tensor, amounts: tf.Tensor, fill: Colour = 0) -> tf.Tensor:
    """Shears horizontally: shifts rows left by amount times distance from the top.

    Args:
        images: uint8 [n, H, W, C].
        amounts: float32 [n], pixels to the left per pixel down.
        fill: colour of what comes from outside.

    Returns:
        uint8 [n, H, W, C].
    """
    one, zero = _ones_and_zeros(amounts)
    return _affine(images, [one, _exact(amounts), zero, zero, one, zero], fill)


def shear_y(images: tf.Tensor, amounts: tf.Tensor, fill: Colour = 0) -> tf.Tensor:
    """Shears vertically: shifts columns up by amount times distance from the left.

    Args:
        images: uint8 [n, H, W, C].
        amounts: float32 [n], pixels up per pixel to the right.
        fill: colour of what comes from outside.

    Returns:
        uint8 [n, H, W, C].
    """
    one, zero = _ones_and_zeros(amounts)
    return _affine(images, [one, zero, zero, _exact(amounts), one, zero], fill)


def translate_x(images: tf.Tensor, pixels: tf.Tensor, fill: Colour = 0) -> tf.Tensor:
    """Shifts each image to the left.

    Args:
        images: uint8 [n, H, W, C].
        pixels: float32 [n], how far, rounded to whole pixels (halves up).
        fill: colour of what comes from outside.

    Returns:
        uint8 [n, H, W, C].
    """
    one, zero = _ones_and_zeros(pixels)
    shift = tf.floor(_exact(pixels) + 0.5)
    return _affine(images, [one, zero, shift, zero, one, zero], fill)


def translate_y(images: tf.Tensor, pixels: tf.Tensor, fill: Colour = 0) -> tf.Tensor:
    """Shifts each image up.

    Args:
        images: uint8 [n, H, W, C].
        pixels: float32 [n], how far, rounded to whole pixels (halves up).
        fill: colour of what comes from outside.

    Returns:
        uint8 [n, H, W, C].
    """
    one, zero = _ones_and_zeros(pixels)
    shift = tf.floor(_exact(pixels) + 0.5)
    return _affine(images, [one, zero, zero, zero, one, shift], fill)


def rotate(images: tf.Tensor, degrees: tf.Tensor, fill: Colour = 0) -> tf.Tensor:
    """Rotates each image about its centre.

    Args:
        images: uint8 [n, H, W, C].
        degrees: float32 [n], angles, counter-clockwise.
        fill: colour of what comes from outside.

    Returns:
        uint8 [n, H, W, C].
    """
    angles = _exact(degrees) * (-math.pi / 180.0)
    cosine, sine = tf.cos(angles), tf.sin(angles)
    y, x = tf.unstack(tf.cast(tf.shape(images)[1:3], tf.float64) / 2.0)
    right = x - cosine * x - sine * y
    down = y + sine * x - cosine * y
    return _affine(images, [cosine, sine, right, -sine, cosine, down], fill)


def _affine(images: tf.Tensor, matrix: list, fill: Colour) -> tf.Tensor:
    """Applies Pillow's affine transform: (x, y) shows (a x + b y + c, d x + e y + f).

    Pillow measures from the corner of a pixel, calculates with 16 fractional bits and
    truncates. TensorFlow measures from the centre and rounds. Therefore half a pixel is
    subtracted here, and half of the last bit is added: no coordinate then lies exactly
    between two pixels, where the two would differ. The 24 bits of a float32 suffice for
    that up to 128 pixels.
    """
    a, b, c, d, e, f = matrix
    zero = tf.zeros_like(a)
    middle = 2.0**-17 - 0.5
    right = _fixed_point(c + 0.5 * a + 0.5 * b) + middle
    down = _fixed_point(f + 0.5 * d + 0.5 * e) + middle
    a, b, d, e = map(_fixed_point, (a, b, d, e))
    transforms = tf.stack([a, b, right, d, e, down, zero, zero], axis=1)
    return transform(images, transforms, fill=paint(fill, images.shape[-1]))


def _fixed_point(values: tf.Tensor) -> tf.Tensor:
    """Rounds to 16 fractional bits, halves up."""
    return tf.floor(values * 65536.0 + 0.5) / 65536.0


def _exact(values: tf.Tensor) -> tf.Tensor:
    """Converts one parameter per image to float64 [n]."""
    return tf.cast(values, tf.float64)


def _ones_and_zeros(values: tf.Tensor):
    """Returns the constant entries of the matrices: float64 [n] each."""
    like = _exact(values)
    return tf.ones_like(like), tf.zeros_like(like)
