"""Operations on levels and colours: batches of uint8 [n, H, W, C].

Meaning and rounding are Pillow's (ImageOps, ImageEnhance), with which the authors of
AutoAugment, RandAugment, UDA and FixMatch worked; results equal its to the pixel. Every
image has its own parameter. The grey version of images of other than three channels is
their mean.
"""

from __future__ import annotations

from typing import Tuple, Union

import tensorflow as tf

Colour = Union[int, Tuple[int, int, int]]


def autocontrast(images: tf.Tensor) -> tf.Tensor:
    """Stretches each channel so that its levels reach from 0 to 255.

    A channel of one level only stays as it is.

    Args:
        images: uint8 [n, H, W, C].

    Returns:
        uint8 [n, H, W, C].
    """
    # In float64, for the result is cut off and not rounded.
    low = tf.cast(tf.reduce_min(images, [1, 2], keepdims=True), tf.float64)
    high = tf.cast(tf.reduce_max(images, [1, 2], keepdims=True), tf.float64)
    flat = high <= low
    scale = 255.0 / tf.where(flat, tf.ones_like(low), high - low)
    stretched = tf.cast(images, tf.float64) * scale + -low * scale
    stretched = tf.cast(tf.clip_by_value(stretched, 0.0, 255.0), tf.uint8)
    return tf.where(flat, images, stretched)


def equalize(images: tf.Tensor) -> tf.Tensor:
    """Makes the levels of each channel about equally frequent.

    A channel stays as it is when all but its brightest pixels are fewer than 255.

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
    """Makes the negative: 255 minus each level.

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
        bits: [n], cut off to whole numbers and moved into 1, ..., 8.

    Returns:
        uint8 [n, H, W, C].
    """
    bits = tf.clip_by_value(tf.cast(bits, tf.int32), 1, 8)
    kept = 256 - tf.bitwise.left_shift(tf.ones_like(bits), 8 - bits)
    return tf.bitwise.bitwise_and(images, tf.cast(_each(kept), tf.uint8))


def solarize(images: tf.Tensor, thresholds: tf.Tensor) -> tf.Tensor:
    """Inverts the levels from a threshold on.

    Args:
        images: uint8 [n, H, W, C].
        thresholds: float32 [n], 0 (all) to 256 (none).

    Returns:
        uint8 [n, H, W, C].
    """
    stays = tf.cast(images, tf.float32) < _each(thresholds)
    return tf.where(stays, images, 255 - images)


def solarize_add(images: tf.Tensor, additions: tf.Tensor) -> tf.Tensor:
    """Brightens, then inverts the levels from 128 on.

    As in the RandAugment that DMT's release installs; the one it stems from (that of
    EfficientNet) brightens the levels below 128 and leaves the others.

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
    """Mixes each image with its grey version; grey images stay as they are.

    Args:
        images: uint8 [n, H, W, C].
        factors: float32 [n]: 0 is grey, 1 the image, more is more colourful.

    Returns:
        uint8 [n, H, W, C].
    """
    if images.shape[-1] == 1:
        return images
    return _blend(_luma(images), images, factors)


def contrast(images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Mixes each image with the mean of its grey version.

    Args:
        images: uint8 [n, H, W, C].
        factors: float32 [n]: 0 is one grey, 1 the image, more has more contrast.

    Returns:
        uint8 [n, H, W, C].
    """
    shape = tf.shape(images, out_type=tf.int64)
    count = shape[1] * shape[2]
    total = tf.reduce_sum(tf.cast(_luma(images), tf.int64), [1, 2, 3], keepdims=True)
    # The mean, rounded, in whole numbers.
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
    """Mixes each image with a smooth version.

    That is the mean over 3x3 pixels with weight 5 in the middle and 1 around. The
    outermost pixels of the image have no such mean and stay as they are.

    Args:
        images: uint8 [n, H, W, C].
        factors: float32 [n]: 0 is smooth, 1 the image, more is sharper.

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
    """The colour for images with so many channels: its luma for grey ones."""
    if isinstance(colour, int) or channels == 3:
        return colour
    red, green, blue = colour
    return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16


def _luma(images: tf.Tensor) -> tf.Tensor:
    """Grey version, int32 [n, H, W, 1], in Pillow's fixed point numbers."""
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
    """From `start` (factor 0) to `images` (factor 1) and beyond; cut off, as Pillow."""
    start = tf.cast(start, tf.float32)
    mixed = start + _each(factors) * (tf.cast(images, tf.float32) - start)
    return tf.cast(tf.clip_by_value(mixed, 0.0, 255.0), tf.uint8)


def _each(values: tf.Tensor) -> tf.Tensor:
    """One value per image, [n], as [n, 1, 1, 1]."""
    return values[:, None, None, None]
