"""AutoAugment: the policies found on CIFAR-10 and on SVHN.

Cubuk et al., AutoAugment: Learning Augmentation Strategies from Data, CVPR 2019.
Section 4 describes their use and the appendix lists the policies. Magnitudes have the
meaning of the authors' release; see `ranges.RELEASED`.
"""

from __future__ import annotations

import dataclasses
from typing import Sequence, Tuple

import numpy as np
import tensorflow as tf

from mixdmt_tf.data.augment import ranges as tables
from mixdmt_tf.data.augment.cutout import UNIFORMS as CUTOUT_UNIFORMS
from mixdmt_tf.data.augment.operations import Colours, operate_each
from mixdmt_tf.data.augment.randaugment import final_cutout, one_of
from mixdmt_tf.data.augment.ranges import parameters

STEPS = 2  # operations per sub-policy
PER_STEP = 2  # random numbers per operation: whether it is applied, and its sign
UNIFORMS = 1 + STEPS * PER_STEP + CUTOUT_UNIFORMS  # the first selects the sub-policy

# One sub-policy per line. For each operation: name, probability in tenths, magnitude.
# Operations without a parameter have no magnitude here.
CIFAR10_TABLE = """
invert 1,         contrast 2 6
rotate 7 2,       translate_x 3 9
sharpness 8 1,    sharpness 9 3
shear_y 5 8,      translate_y 7 9
autocontrast 5,   equalize 9
shear_y 2 7,      posterize 3 7
color 4 3,        brightness 6 7
sharpness 3 9,    brightness 7 9
equalize 6,       equalize 5
contrast 6 7,     sharpness 6 5
color 7 7,        translate_x 5 8
equalize 3,       autocontrast 4
translate_y 4 3,  sharpness 2 6
brightness 9 6,   color 2 8
solarize 5 2,     invert 0
equalize 2,       autocontrast 6
equalize 2,       equalize 6
color 9 9,        equalize 6
autocontrast 8,   solarize 2 8
brightness 1 3,   color 7 0
solarize 4 5,     autocontrast 9
translate_y 9 9,  translate_y 7 9
autocontrast 9,   solarize 8 3
equalize 8,       invert 1
translate_y 7 9,  autocontrast 9
"""
SVHN_TABLE = """
shear_x 9 4,      invert 2
shear_y 9 8,      invert 7
equalize 6,       solarize 6 6
invert 9,         equalize 6
equalize 6,       rotate 9 3
shear_x 9 4,      autocontrast 8
shear_y 9 8,      invert 4
shear_y 9 5,      solarize 2 6
invert 9,         autocontrast 8
equalize 6,       rotate 9 3
shear_x 9 4,      solarize 3 3
shear_y 8 8,      invert 7
equalize 9,       translate_y 6 6
invert 9,         equalize 6
contrast 3 3,     rotate 8 4
invert 8,         translate_y 0 2
shear_y 7 6,      solarize 4 8
invert 6,         rotate 8 4
shear_y 3 7,      translate_x 9 3
shear_x 1 6,      invert 6
solarize 7 2,     translate_y 6 7
shear_y 8 4,      invert 8
shear_x 7 9,      translate_y 8 3
shear_y 8 5,      autocontrast 7
shear_x 7 2,      invert 1
"""


def read(table: str) -> Sequence[Sequence[Tuple[str, float, int]]]:
    """Parses a table: rows of one or more (operation, probability, magnitude)."""

    def step(text: str) -> Tuple[str, float, int]:
        name, tenths, magnitude = (text.split() + ["0"])[:3]
        return name, int(tenths) / 10, int(magnitude)

    rows = table.strip().splitlines()
    return tuple(tuple(map(step, row.split(","))) for row in rows)


@dataclasses.dataclass(frozen=True)
class Policy:
    """A list of sub-policies, one of which is applied to each image.

    Attributes:
        sub_policies: rows of STEPS times (operation, probability, magnitude 0 to 9).
        cutout: side of the Cutout patch that is applied last, as a share of the
            image's shorter side; 0 for none. The authors use 16 of 32 pixels.
        colours: fill colours of uncovered areas and of patches.
    """

    sub_policies: Sequence[Sequence[Tuple[str, float, int]]]
    cutout: float = 0.5
    colours: Colours = dataclasses.field(default_factory=Colours)


CIFAR10 = Policy(read(CIFAR10_TABLE))
SVHN = Policy(read(SVHN_TABLE))


def autoaugment(
    images: tf.Tensor, uniforms: tf.Tensor, policy: Policy = CIFAR10
) -> tf.Tensor:
    """Applies a randomly drawn sub-policy to each image.

    Args:
        images: uint8 [n, H, W, C], C = 1 or 3.
        uniforms: float32 [n, UNIFORMS] in [0, 1), the random numbers to use.
        policy: the sub-policies to draw from.

    Returns:
        uint8 [n, H, W, C].
    """
    rows = one_of(len(policy.sub_policies), uniforms[:, 0])
    for place in range(STEPS):
        column = [sub_policy[place] for sub_policy in policy.sub_policies]
        names = sorted({name for name, _, _ in column})
        chosen, often, magnitudes = (
            tf.gather(values, rows)
            for values in (
                np.array([names.index(name) for name, _, _ in column], np.int32),
                np.array([often for _, often, _ in column], np.float32),
                np.array([magnitude for _, _, magnitude in column], np.float32),
            )
        )
        coin, sign = tf.unstack(uniforms[:, 1 + place * PER_STEP :][:, :2], axis=1)
        ranges = tables.named(tables.RELEASED, *names)
        values = parameters(ranges, chosen, magnitudes, sign < 0.5, images)
        centres = uniforms[:, -CUTOUT_UNIFORMS:]
        images = operate_each(
            names, images, chosen, values, coin < often, centres, policy.colours
        )
    return final_cutout(images, uniforms, policy.cutout, policy.colours)
