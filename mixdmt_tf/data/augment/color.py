"""Operations on levels and colours of batches, uint8 [n, H, W, C].

Results equal those of Pillow (ImageOps, ImageEnhance) to the pixel, which the authors
of AutoAugment, RandAugment, UDA and FixMatch used. Each image has its own parameter.
If images do not have three channels, their grey version is the mean of the channels.
"""

from __future__ import annotations

from typing import Tuple, Union

import tensorflow as tf

Colour = Union[int, Tuple[int, int, int]]


def autocontrast(images: tf.Tensor) -> tf.Tensor:
    """Stretches each channel so that its levels span 0 to 255.

    A channel with a single level stays unchanged.

    Args:
        images: uint8 [n, H, W, C].

    Returns:
        uint8 [n, H, W, C].
    """
    # In float64, because the result is truncated and not rounded.
    low = tf.cast(tf.reduce_min(images, [1, 2], keepdims=True), tf.float64)
    high = tf.cast(tf.reduce_max(images, [1, 2], keepdims=True), tf.float64)
    flat = high <= low
    scale = 255.0 / tf.where(flat, tf.ones_like(low), high - low)
    stretched = tf.cast(images, tf.float64) * scale + -low * scale
    stretched = tf.cast(tf.clip_by_value(stretched, 0.0, 255.0), tf.uint8)
    return tf.where(flat, images, stretched)


def equalize(images: tf.Tensor) -> tf.Tensor:
    """Equalizes the histogram of each channel.

    A channel stays unchanged if fewer than 255 pixels are darker than its maximum.

    Args:
        images: uint8 [n, H, W, C].

    Returns:
        uint8 [n, H, W, C].
    """
    shape = tf.shape(images)
    count, channels = shape[1] * shape[2], shape[3]
    pixels = tf.reshape(tf.cast(images, tf.int32), [shape[0], count, channels])
    pixels = tf.reshape(tf.transpose(pixels, [0, 2, 1]), [-1, count])  # [n C, H W]
    histogram = tf.math.bincount(pixels, minlength=256, maxlength=256, axis=-1)
    brightest = tf.gather(histogram, tf.reduce_max(pixels, 1), axis=1, batch_dims=1)
    step = ((count - brightest) // 255)[:, None]
    below = tf.cumsum(histogram, axis=1, exclusive=True)
    table = tf.minimum((step // 2 + below) // tf.maximum(step, 1), 255)
    table = tf.cast(tf.where(step > 0, table, tf.range(256)), tf.uint8)
    spread = tf.gather(table, pixels, axis=1, batch_dims=1)
    spread = tf.transpose(tf.reshape(spread, [shape[0], channels, count]), [0, 2, 1])
    return tf.ensure_shape(tf.reshape(spread, shape), images.shape)


def invert(images: tf.Tensor) -> tf.Tensor:
    """Inverts each level: 255 minus the level.

    Args:
        images: uint8 [n, H, W, C].

    Returns:
        uint8 [n, H, W, C].
    """
    return 255 - images


def posterize(images: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """Keeps the highest bits of each level.

    Args:
        images: uint8 [n, H, W, C].
        bits: [n], bits to keep, truncated to whole numbers and clipped to 1, ..., 8.

    Returns:
        uint8 [n, H, W, C].
    """
    bits = tf.clip_by_value(tf.cast(bits, tf.int32), 1, 8)
    kept = 256 - tf.bitwise.left_shift(tf.ones_like(bits), 8 - bits)
    return tf.bitwise.bitwise_and(images, tf.cast(_each(kept), tf.uint8))


def solarize(images: tf.Tensor, thresholds: tf.Tensor) -> tf.Tensor:
    """Inverts all levels at or above a threshold.

    Args:
        images: uint8 [n, H, W, C].
        thresholds: float32 [n], 0 (all) to 256 (none).

    Returns:
        uint8 [n, H, W, C].
    """
    stays = tf.cast(images, tf.float32) < _each(thresholds)
    return tf.where(stays, images, 255 - images)


def solarize_add(images: tf.Tensor, additions: tf.Tensor) -> tf.Tensor:
    """Adds to all levels, then inverts the levels at or above 128.

    This follows the RandAugment package that DMT's release installs. The original (in
    EfficientNet) adds only to the levels below 128 and leaves the others unchanged.

    Args:
        images: uint8 [n, H, W, C].
        additions: float32 [n], levels to add.

    Returns:
        uint8 [n, H, W, C].
    """
    brighter = tf.cast(images, tf.float32) + _each(additions)
    brighter = tf.cast(tf.clip_by_value(brighter, 0.0, 255.0), tf.uint8)
    return tf.where(brighter < 128, brighter, 255 - brighter)


def color(images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Blends each image with its grey version; grey images stay unchanged.

    Args:
        images: uint8 [n, H, W, C].
        factors: float32 [n]: 0 is grey, 1 the image, more increases saturation.

    Returns:
        uint8 [n, H, W, C].
    """
    if images.shape[-1] == 1:
        return images
    return _blend(_luma(images), images, factors)


def contrast(images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Blends each image with the mean of its grey version.

    Args:
        images: uint8 [n, H, W, C].
        factors: float32 [n]: 0 is uniform grey, 1 the image, more increases contrast.

    Returns:
        uint8 [n, H, W, C].
    """
    shape = tf.shape(images, out_type=tf.int64)
    count = shape[1] * shape[2]
    total = tf.reduce_sum(tf.cast(_luma(images), tf.int64), [1, 2, 3], keepdims=True)
    # The rounded mean, in integer arithmetic.
    return _blend((2 * total + count) // (2 * count), images, factors)


def brightness(images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Multiplies all levels.

    Args:
        images: uint8 [n, H, W, C].
        factors: float32 [n]: 0 is black, 1 the image, more is brighter.

    Returns:
        uint8 [n, H, W, C].
    """
    return _blend(tf.zeros_like(images[:, :1, :1, :1]), images, factors)


def sharpness(images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Blends each image with a smoothed version.

    The smoothed version is the mean over 3x3 pixels, with weight 5 for the centre and 1
    for the others. Pixels at the border of the image stay unchanged.

    Args:
        images: uint8 [n, H, W, C].
        factors: float32 [n]: 0 is smoothed, 1 the image, more is sharper.

    Returns:
        uint8 [n, H, W, C].
    """
    height, width = tf.shape(images)[1], tf.shape(images)[2]
    pixels = tf.cast(images, tf.int32)
    padded = tf.pad(pixels, [[0, 0], [1, 1], [1, 1], [0, 0]])
    rows = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    total = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:] + 4 * pixels
    smooth = (2 * total + 13) // 26  # total / 13, rounded
    row, column = tf.range(height)[:, None, None], tf.range(width)[None, :, None]
    inside = (row > 0) & (row < height - 1) & (column > 0) & (column < width - 1)
    return _blend(tf.where(inside, smooth, pixels), images, factors)


def paint(colour: Colour, channels: int) -> Colour:
    """Converts a colour to a number of channels: to its luma for grey images."""
    if isinstance(colour, int) or channels == 3:
        return colour
    red, green, blue = colour
    return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16


def _luma(images: tf.Tensor) -> tf.Tensor:
    """Returns the grey version, int32 [n, H, W, 1], with Pillow's fixed-point maths."""
    pixels = tf.cast(images, tf.int32)
    channels = images.shape[-1]
    if channels == 1:
        return pixels
    if channels != 3:
        total = tf.reduce_sum(pixels, 3, keepdims=True)
        return (2 * total + channels) // (2 * channels)  # rounded
    total = tf.reduce_sum(pixels * tf.constant([19595, 38470, 7471]), 3, keepdims=True)
    return tf.bitwise.right_shift(total + 0x8000, 16)


def _blend(start: tf.Tensor, images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Interpolates from `start` (factor 0) to `images` (1) and beyond; truncates."""
    start = tf.cast(start, tf.float32)
    mixed = start + _each(factors) * (tf.cast(images, tf.float32) - start)
    return tf.cast(tf.clip_by_value(mixed, 0.0, 255.0), tf.uint8)


def _each(values: tf.Tensor) -> tf.Tensor:
    """Reshapes one value per image, [n], to [n, 1, 1, 1]."""
    return values[:, None, None, None]
