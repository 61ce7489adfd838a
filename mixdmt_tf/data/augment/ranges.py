"""Ranges that map magnitudes to the parameters of operations."""

from __future__ import annotations

import dataclasses
from typing import Sequence

import numpy as np
import tensorflow as tf

LEVELS = 10  # magnitudes run from 0, the low end of a range, to 10, its high end


@dataclasses.dataclass(frozen=True)
class Range:
    """The range of the parameter of one operation.

    Attributes:
        name: name of the operation, see `operations.NAMES`.
        low: the parameter at magnitude 0.
        high: the parameter at magnitude 10; lower than `low` if a lower parameter has a
            stronger effect.
        signed: whether the sign is random.
        whole: whether the distance from `low` is truncated to a whole number.
        relative: whether the parameter is a share of the image (of its width for
            translate_x, of its height for translate_y, of its shorter side for cutout)
            and not a number of pixels.
    """

    name: str
    low: float = 0.0
    high: float = 0.0
    signed: bool = False
    whole: bool = False
    relative: bool = False


# AutoAugment, RandAugment and UDA as released for 32x32 images
# (augmentation_transforms.py of each): up to 10 pixels of translation, 20 of cutout.
RELEASED = (
    Range("identity"),
    Range("autocontrast"),
    Range("equalize"),
    Range("invert"),
    Range("rotate", 0.0, 30.0, signed=True, whole=True),
    Range("posterize", 4.0, 0.0, whole=True),
    Range("solarize", 256.0, 0.0, whole=True),
    Range("color", 0.1, 1.9),
    Range("contrast", 0.1, 1.9),
    Range("brightness", 0.1, 1.9),
    Range("sharpness", 0.1, 1.9),
    Range("shear_x", 0.0, 0.3, signed=True),
    Range("shear_y", 0.0, 0.3, signed=True),
    Range("translate_x", 0.0, 10 / 32, signed=True, whole=True, relative=True),
    Range("translate_y", 0.0, 10 / 32, signed=True, whole=True, relative=True),
    Range("cutout", 0.0, 20 / 32, whole=True, relative=True),
)

# FixMatch, appendix: the transformations used with RandAugment. Its factors stay below
# 1: they only reduce colour, contrast, brightness and sharpness.
FIXMATCH = (
    Range("identity"),
    Range("autocontrast"),
    Range("equalize"),
    Range("rotate", 0.0, 30.0, signed=True),
    Range("posterize", 4.0, 9.0, whole=True),  # 4 to 8, all equally often
    Range("solarize", 0.0, 256.0),
    Range("color", 0.05, 0.95),
    Range("contrast", 0.05, 0.95),
    Range("brightness", 0.05, 0.95),
    Range("sharpness", 0.05, 0.95),
    Range("shear_x", 0.0, 0.3, signed=True),
    Range("shear_y", 0.0, 0.3, signed=True),
    Range("translate_x", 0.0, 0.3, signed=True, relative=True),
    Range("translate_y", 0.0, 0.3, signed=True, relative=True),
)

# DMT: the list of the RandAugment package that its release installs. It translates by
# up to 100 pixels, as for ImageNet, so most translated 32x32 images are only fill.
DMT_AS_RELEASED = (
    Range("autocontrast"),
    Range("equalize"),
    Range("invert"),
    Range("rotate", 0.0, 30.0, signed=True),
    Range("posterize", 0.0, 4.0, whole=True),  # 0 means 1 bit
    Range("solarize", 0.0, 256.0),
    Range("solarize_add", 0.0, 110.0),
    Range("color", 0.1, 1.9),
    Range("contrast", 0.1, 1.9),
    Range("brightness", 0.1, 1.9),
    Range("sharpness", 0.1, 1.9),
    Range("shear_x", 0.0, 0.3, signed=True),
    Range("shear_y", 0.0, 0.3, signed=True),
    Range("cutout_as_released", 0.0, 40.0),
    Range("translate_x", 0.0, 100.0, signed=True),
    Range("translate_y", 0.0, 100.0, signed=True),
)
# The same with the relative translations of FixMatch and others, and with Cutout as it
# was published: patches of the package are a third larger in area.
DMT = DMT_AS_RELEASED[:-3] + (Range("cutout", 0.0, 40.0),) + FIXMATCH[-2:]


def named(ranges: Sequence[Range], *names: str) -> Sequence[Range]:
    """Returns the ranges of these operations, in their order."""
    by_name = {each.name: each for each in ranges}
    return tuple(by_name[name] for name in names)


def parameters(
    ranges: Sequence[Range],
    chosen: tf.Tensor,
    magnitudes: tf.Tensor,
    negative: tf.Tensor,
    images: tf.Tensor,
) -> tf.Tensor:
    """Returns the parameter of the operation chosen for each image.

    Args:
        ranges: ranges of the available operations.
        chosen: int32 [n], indices in `ranges`.
        magnitudes: float32 [n], 0 to 10.
        negative: bool [n], which parameters are negated if their operation is signed.
        images: [n, H, W, C], to whose size `relative` ranges refer.

    Returns:
        float32 [n].
    """

    def each(attribute: str) -> np.ndarray:
        return np.array([getattr(row, attribute) for row in ranges])

    # In float64: Pillow truncates results, so the last bit of a factor can matter.
    height, width = tf.unstack(tf.cast(tf.shape(images)[1:3], tf.float64))
    size = {"translate_x": width, "translate_y": height}
    shorter = tf.minimum(height, width)
    one = tf.ones_like(shorter)
    unit = tf.stack([size.get(r.name, shorter) if r.relative else one for r in ranges])
    low, span = each("low") * unit, (each("high") - each("low")) * unit
    # Multiplied first: 7 * 30 / 10 is 21, and 7 / 10 * 30 may be less.
    distance = tf.cast(magnitudes, tf.float64) * tf.gather(span, chosen) / LEVELS
    whole = tf.gather(each("whole"), chosen)
    towards_zero = tf.cast(tf.cast(distance, tf.int32), tf.float64)
    values = tf.gather(low, chosen) + tf.where(whole, towards_zero, distance)
    minus = negative & tf.gather(each("signed"), chosen)
    return tf.cast(tf.where(minus, -values, values), tf.float32)
