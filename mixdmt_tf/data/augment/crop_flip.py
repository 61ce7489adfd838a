"""Weak augmentation: horizontal flip and pad-and-crop.

RealMix section 4 and its released `libml/data.py`: CIFAR is flipped and cropped after
padding with 4 reflected pixels, SVHN is only cropped. DMT's release pads with grey.
"""

from __future__ import annotations

from typing import Optional

import tensorflow as tf

UNIFORMS = 3  # random numbers per image: shift down, shift right, flip


def crop_flip(
    images: tf.Tensor,
    uniforms: tf.Tensor,
    padding: int,
    flip: bool,
    fill: Optional[int] = None,
) -> tf.Tensor:
    """Shifts each image by up to `padding` pixels, reflecting at the border, and flips.

    This equals padding by reflection (without repeating the border pixel) or with
    `fill`, cropping at a uniformly random position, and flipping with probability 1/2.
    It is done in a single gather, with a separate shift for each image.

    Args:
        images: [n, H, W, C] of any dtype.
        uniforms: float32 [n, 3] in [0, 1), the random numbers to use.
        padding: border in pixels, smaller than H and W.
        flip: whether to flip.
        fill: value of the padding; None: reflection.

    Returns:
        Images of the shape and dtype of `images`.
    """
    shape = tf.shape(images)
    height, width = shape[1], shape[2]
    shifts = tf.cast(uniforms[:, :2] * (2 * padding + 1), tf.int32) - padding
    from_rows = tf.range(height) + shifts[:, :1]  # [n, H]
    from_columns = tf.range(width) + shifts[:, 1:]  # [n, W]
    rows, columns = _reflect(from_rows, height), _reflect(from_columns, width)
    if flip:
        mirrored = uniforms[:, 2:] < 0.5
        columns = tf.where(mirrored, tf.reverse(columns, [1]), columns)
        reversed_columns = tf.reverse(from_columns, [1])
        from_columns = tf.where(mirrored, reversed_columns, from_columns)
    places = rows[:, :, None] * width + columns[:, None, :]  # [n, H, W]
    pixels = tf.reshape(images, [shape[0], height * width, shape[3]])
    moved = tf.gather(pixels, places, axis=1, batch_dims=1)
    if fill is not None:
        inside_rows = tf.equal(rows, from_rows)[:, :, None]
        inside = inside_rows & tf.equal(columns, from_columns)[:, None, :]
        moved = tf.where(inside[..., None], moved, tf.cast(fill, moved.dtype))
    return tf.ensure_shape(moved, images.shape)


def _reflect(index: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Reflects indices outside of 0, ..., size - 1 at the first or last index."""
    index = tf.abs(index)
    return size - 1 - tf.abs(size - 1 - index)
