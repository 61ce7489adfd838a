"""Random scale, crop and flip of an image, its labels and their confidence.

The steps follow DMT (arXiv:2004.08514) section 5.1 and its released transforms.py:
scale both sides by the same factor; pad below and on the right up to the crop size;
crop at a random position; flip. Labelled and pseudo-labelled images are treated alike.
Only pixels of the crop are computed.
"""

from __future__ import annotations

from typing import Sequence, Tuple, Union

import tensorflow as tf

from mixdmt_tf.data.segmentation.source import IGNORED

UNIFORMS = 4  # random numbers per image: scale, position down, position right, flip


def scale_crop_flip(
    image: tf.Tensor,
    labels: tf.Tensor,
    confidence: tf.Tensor,
    uniforms: tf.Tensor,
    crop: Tuple[int, int],
    scale: Tuple[float, float] = (0.5, 1.5),
    flip: bool = True,
    fill: Union[float, Sequence[float], None] = 0.0,
) -> Tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Applies one draw to an image and its maps.

    The image is interpolated bilinearly, with half-pixel centres and without
    antialiasing when it shrinks. Labels and confidence use the nearest pixel, the one
    that contains the centre. Padding has no class and confidence 0.

    Args:
        image: uint8 [H, W, C], any size.
        labels: uint8 [H, W].
        confidence: float32 [H, W] of pseudo labels; ones for labels.
        uniforms: float32 [4] in [0, 1), the random numbers to use.
        crop: (h, w) of the result.
        scale: smallest and largest factor, drawn uniformly; sides are rounded down.
        flip: whether to flip horizontally with probability 1/2.
        fill: colour of the padding, levels 0 to 255, one for all channels or one for
            each; None: the image's mean. DMT's release uses black.

    Returns:
        float32 [h, w, C] in levels 0 to 255, uint8 [h, w], float32 [h, w].
    """
    image = tf.cast(image, tf.float32)
    factor = scale[0] + (scale[1] - scale[0]) * uniforms[0]
    rows = _Axis(tf.shape(image)[0], factor, uniforms[1], crop[0])
    columns = _Axis(tf.shape(image)[1], factor, uniforms[2], crop[1])
    if flip:
        columns.reverse_if(uniforms[3] < 0.5)

    def padded(inside: tf.Tensor, outside: Union[int, float]) -> tf.Tensor:
        padding = [rows.padding, columns.padding, [0, 0]][: inside.shape.rank]
        every = tf.pad(inside, padding, constant_values=outside)
        return tf.ensure_shape(every, [*crop, *inside.shape[2:]])

    picture = padded(columns.interpolated(rows.interpolated(image, 0), 1), 0.0)
    if fill != 0.0:
        colour = tf.reduce_mean(image, [0, 1]) if fill is None else tf.constant(fill)
        inside = tf.ones([tf.size(rows.low), tf.size(columns.low), 1])
        picture += (1.0 - padded(inside, 0.0)) * tf.cast(colour, tf.float32)
    maps = [
        padded(tf.gather(tf.gather(each, rows.nearest), columns.nearest, axis=1), value)
        for each, value in ((labels, IGNORED), (confidence, 0.0))
    ]
    return picture, maps[0], maps[1]


class _Axis:
    """Positions in the image of the rows, or columns, of the crop.

    Attributes:
        padding: int32 [2], how many are outside of the image, before and after it; the
            n others are inside.
        low, high, share: the two neighbours, int32 [n], and the second's weight.
        nearest: int32 [n], the pixel that contains the centre.
    """

    def __init__(
        self, size: tf.Tensor, factor: tf.Tensor, uniform: tf.Tensor, crop: int
    ) -> None:
        side = tf.cast(size, tf.float32)
        scaled = tf.maximum(tf.floor(factor * side), 1.0)
        places = tf.maximum(tf.cast(scaled, tf.int32) - crop, 0) + 1
        start = tf.minimum(
            tf.cast(uniform * tf.cast(places, tf.float32), tf.int32), places - 1
        )
        # A centre is at odd / 2 in the scaled image, and at odd side / (2 scaled) in
        # the image. Integers avoid that rounding errors select another pixel.
        inside = tf.minimum(crop, tf.cast(scaled, tf.int32))
        self.padding = tf.stack([0, crop - inside])
        odd = tf.cast(2 * (start + tf.range(inside)) + 1, tf.int64)
        double = 2 * tf.cast(scaled, tf.int64)
        last = size - 1
        nearest = odd * tf.cast(size, tf.int64) // double
        self.nearest = tf.minimum(tf.cast(nearest, tf.int32), last)
        centre = tf.cast(odd, tf.float32) * (0.5 * side / scaled)
        place = tf.clip_by_value(centre - 0.5, 0.0, side - 1.0)
        self.low = tf.cast(place, tf.int32)
        self.high = tf.minimum(self.low + 1, last)
        self.share = place - tf.cast(self.low, tf.float32)

    def reverse_if(self, condition: tf.Tensor) -> None:
        """Flips the crop if `condition` is true."""
        for name in ("padding", "nearest", "low", "high", "share"):
            value = getattr(self, name)
            setattr(self, name, tf.where(condition, value[::-1], value))

    def interpolated(self, image: tf.Tensor, axis: int) -> tf.Tensor:
        """Interpolates along this axis of float32 [H, W, C]."""
        low = tf.gather(image, self.low, axis=axis)
        high = tf.gather(image, self.high, axis=axis)
        share = self.share[:, None, None] if axis == 0 else self.share[None, :, None]
        return low + (high - low) * share
