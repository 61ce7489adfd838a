"""CutMix of two images (French et al. 2020, arXiv:1906.01916): box, and pasting.

No random numbers are drawn here: the caller draws those that place the box.
"""

from __future__ import annotations

import tensorflow as tf

from mixdmt_tf.equations.contracts import require_same_shape
from mixdmt_tf.equations.mixing import interpolate


def box_mask(
    uniforms: tf.Tensor, height: int, width: int, area: float = 0.5
) -> tf.Tensor:
    """Return the mask of a box of random aspect ratio and place: 1 inside, 0 outside.

    CutMix for segmentation, French et al. 2020 (arXiv:1906.01916), which fixes the area
    at half of the image. The sides are drawn as in its released code (mask_gen.py): the
    relative height is area^u, so that its logarithm is uniform between those of `area`
    and 1, and the relative width follows from the area. Sides are rounded to whole
    pixels, half a pixel to the even number.

    The top-left corner is uniform over all places where the box fits. The released code
    rounds it, so that a box lies against an edge half as often as in any other place.

    Stop-gradient: the whole result.

    Args:
        uniforms: [..., 3] random numbers in [0, 1), any float type: the shape of the
            box, its place from top to bottom, its place from left to right.
        height: H, rows of the image, an integer or an int32 scalar.
        width: W, columns of the image, likewise.
        area: share of the image, above 0 and at most 1. Both sides are rounded: in a
            small image a box may have a few pixels more or less, or none at all.

    Returns:
        [..., H, W] float32, 0 or 1.

    Raises:
        ValueError: when area is out of range, or uniforms does not end in 3.
    """
    if not 0 < area <= 1:
        raise ValueError(f"area must be above 0 and at most 1, got {area}")
    uniforms = tf.cast(uniforms, tf.float32)
    if not uniforms.shape[-1:].is_compatible_with([3]):
        raise ValueError(f"uniforms must have shape [..., 3], got {uniforms.shape}")
    share = tf.pow(area, uniforms[..., 0])
    rows = _interval(share, uniforms[..., 1], height)
    columns = _interval(area / share, uniforms[..., 2], width)
    return tf.stop_gradient(rows[..., :, tf.newaxis] * columns[..., tf.newaxis, :])


def paste(mask: tf.Tensor, inside: tf.Tensor, outside: tf.Tensor) -> tf.Tensor:
    """Return mask * inside + (1 - mask) * outside.

    CutMix for segmentation (arXiv:1906.01916): called for two images, and with the same
    mask for the teacher's predictions of them. If the mask is 0 or 1 and all numbers
    are finite, each pixel is exactly that of one of the two.

    Nothing is stop-gradiented; the mask arrives stopped from `box_mask`, and a caller
    who wants no gradient through predictions stops it.

    Args:
        mask: [..., H, W] 0 or 1, any number type.
        inside: [..., H, W, C] where the mask is 1, any number type.
        outside: [..., H, W, C] where the mask is 0.

    Returns:
        [..., H, W, C] float32.

    Raises:
        ValueError: when inside and outside differ in shape, or mask's shape is not
            theirs without the last axis.
    """
    inside, outside = tf.cast(inside, tf.float32), tf.cast(outside, tf.float32)
    mask = tf.cast(mask, tf.float32)
    require_same_shape(inside=inside, outside=outside)
    # `interpolate` would accept the mask of one image for a whole batch.
    require_same_shape(**{"a pixel of inside": inside[..., 0], "mask": mask})
    return interpolate(inside, outside, mask)


def _interval(share: tf.Tensor, place: tf.Tensor, length: int) -> tf.Tensor:
    """Return masks [..., length] of intervals, from shares [...] and places [...]."""
    pixels = tf.range(tf.cast(length, tf.float32))
    length = tf.cast(length, tf.float32)
    size = tf.round(share * length)
    # 0.99999999 in float64 and 0.9999 in float16 become 1, one place too many.
    last = length - size
    first = tf.minimum(tf.floor(place * (last + 1)), last)
    first, end = first[..., tf.newaxis], (first + size)[..., tf.newaxis]
    return tf.cast((pixels >= first) & (pixels < end), tf.float32)
