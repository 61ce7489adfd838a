"""Applies to each image of a batch the operation drawn for it.

The images are sorted by operation, so that each operation runs once, on its images
only. The result for an image never depends on the others of its batch.
"""

from __future__ import annotations

import dataclasses
from typing import Sequence

import tensorflow as tf

from mixdmt_tf.data.augment import color, geometry
from mixdmt_tf.data.augment.color import Colour
from mixdmt_tf.data.augment.cutout import cutout, cutout_as_released

WITH_PARAMETER = {
    "posterize": color.posterize,
    "solarize": color.solarize,
    "solarize_add": color.solarize_add,
    "color": color.color,
    "contrast": color.contrast,
    "brightness": color.brightness,
    "sharpness": color.sharpness,
}
MOVING = {
    "shear_x": geometry.shear_x,
    "shear_y": geometry.shear_y,
    "translate_x": geometry.translate_x,
    "translate_y": geometry.translate_y,
    "rotate": geometry.rotate,
}
WITHOUT_PARAMETER = {
    "identity": tf.identity,
    "autocontrast": color.autocontrast,
    "equalize": color.equalize,
    "invert": color.invert,
}
COVERING = {"cutout": cutout, "cutout_as_released": cutout_as_released}
NAMES = (*WITHOUT_PARAMETER, *WITH_PARAMETER, *MOVING, *COVERING)


@dataclasses.dataclass(frozen=True)
class Colours:
    """Fill colours of operations.

    Attributes:
        outside: colour of areas that geometric operations uncover, a level or (red,
            green, blue).
        patch: colour of Cutout patches.
    """

    outside: Colour = 127
    patch: Colour = 127


def operate(
    name: str,
    images: tf.Tensor,
    values: tf.Tensor,
    centres: tf.Tensor,
    colours: Colours,
) -> tf.Tensor:
    """Applies one operation to all images.

    Args:
        name: name of the operation, one of NAMES.
        images: uint8 [n, H, W, C].
        values: float32 [n], parameter for each image, if the operation has one.
        centres: float32 [n, 2] in [0, 1), positions of Cutout patches.
        colours: fill colours.

    Returns:
        uint8 [n, H, W, C].
    """
    if name in WITHOUT_PARAMETER:
        return WITHOUT_PARAMETER[name](images)
    if name in WITH_PARAMETER:
        return WITH_PARAMETER[name](images, values)
    if name in MOVING:
        return MOVING[name](images, values, colours.outside)
    return COVERING[name](images, centres, values, colours.patch)


def operate_each(
    names: Sequence[str],
    images: tf.Tensor,
    chosen: tf.Tensor,
    values: tf.Tensor,
    applied: tf.Tensor,
    centres: tf.Tensor,
    colours: Colours,
) -> tf.Tensor:
    """Applies a different operation to each image.

    Args:
        names: names of the available operations.
        images: uint8 [n, H, W, C].
        chosen: int32 [n], indices in `names`.
        values: float32 [n], parameters of the chosen operations.
        applied: bool [n], false for images that stay unchanged.
        centres: float32 [n, 2] in [0, 1), positions of Cutout patches.
        colours: fill colours.

    Returns:
        uint8 [n, H, W, C].
    """
    chosen = tf.where(applied, chosen, len(names))

    def sorted_by_operation(rows: tf.Tensor):
        return tf.dynamic_partition(rows, chosen, len(names) + 1)

    places = sorted_by_operation(tf.range(tf.shape(images)[0]))
    groups = sorted_by_operation(images)
    values, centres = sorted_by_operation(values), sorted_by_operation(centres)
    results = [
        operate(name, groups[i], values[i], centres[i], colours)
        for i, name in enumerate(names)
    ]
    results.append(groups[-1])
    return tf.ensure_shape(tf.dynamic_stitch(places, results), images.shape)
