"""RandAugment (Cubuk et al. 2020) as semi-supervised methods use it.

Operations are drawn uniformly and with replacement. Their magnitudes are drawn too,
while the RandAugment paper keeps them fixed.
"""

from __future__ import annotations

import dataclasses
from typing import Optional, Sequence, Tuple

import tensorflow as tf

from mixdmt_tf.data.augment import ranges as tables
from mixdmt_tf.data.augment.cutout import UNIFORMS as CUTOUT_UNIFORMS
from mixdmt_tf.data.augment.cutout import cutout
from mixdmt_tf.data.augment.operations import Colours, operate_each
from mixdmt_tf.data.augment.ranges import LEVELS, Range, parameters

# Which operation, its magnitude, its sign, whether it is applied, and a centre.
PER_OPERATION = 4 + CUTOUT_UNIFORMS


@dataclasses.dataclass(frozen=True)
class Policy:
    """A variant of RandAugment.

    Attributes:
        ranges: the operations to draw from.
        count: number of operations applied to each image in turn.
        probability: probability with which a drawn operation is applied.
        levels: first and last of the integer magnitudes to draw from; None: magnitudes
            are uniform between 0 and 10.
        cutout: side of the Cutout patch that is applied last, as a share of the
            image's shorter side; 0 for none.
        colours: fill colours of uncovered areas and of patches.
    """

    ranges: Sequence[Range]
    count: int
    probability: float = 1.0
    levels: Optional[Tuple[int, int]] = None
    cutout: float = 0.0
    colours: Colours = dataclasses.field(default_factory=Colours)

    @property
    def uniforms(self) -> int:
        """Number of random numbers per image."""
        return self.count * PER_OPERATION + CUTOUT_UNIFORMS


# UDA's release, randaugment/policies.py: 15 operations, each with probability 1/2.
UDA = Policy(
    ranges=tables.RELEASED[1:],
    count=2,
    probability=0.5,
    levels=(1, 9),
    cutout=0.5,
)
# FixMatch, section 2.3 and appendix: magnitudes from the whole range. Its release has
# the levels and the probability of UDA's, and 14 operations without invert and cutout.
FIXMATCH = Policy(ranges=tables.FIXMATCH, count=2, cutout=0.5)
# DMT's release, utils/randomrandaugment.py: one of 16 operations, including Cutout.
DMT = Policy(
    ranges=tables.DMT,
    count=1,
    levels=(1, 10),
    colours=Colours(outside=0, patch=(125, 123, 114)),
)
DMT_AS_RELEASED = dataclasses.replace(DMT, ranges=tables.DMT_AS_RELEASED)

UNIFORMS = UDA.uniforms  # random numbers per image


def randaugment(
    images: tf.Tensor, uniforms: tf.Tensor, policy: Policy = UDA
) -> tf.Tensor:
    """Applies randomly drawn operations to each image.

    Args:
        images: uint8 [n, H, W, C], C = 1 or 3.
        uniforms: float32 [n, policy.uniforms] in [0, 1), the random numbers to use.
        policy: the variant of RandAugment.

    Returns:
        uint8 [n, H, W, C].
    """
    names = [each.name for each in policy.ranges]
    for start in range(0, policy.count * PER_OPERATION, PER_OPERATION):
        numbers = uniforms[:, start : start + PER_OPERATION]
        chosen, values, applied = drawn(policy, numbers, images)
        images = operate_each(
            names, images, chosen, values, applied, numbers[:, 4:], policy.colours
        )
    return final_cutout(images, uniforms, policy.cutout, policy.colours)


def drawn(
    policy: Policy, uniforms: tf.Tensor, images: tf.Tensor
) -> Tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Draws the operation of each image, its parameter, and whether it is applied.

    Args:
        policy: the variant of RandAugment.
        uniforms: float32 [n, PER_OPERATION] in [0, 1).
        images: [n, H, W, C], of which only the size is used.

    Returns:
        Indices in `policy.ranges`, int32 [n]; parameters, float32 [n]; whether the
        operation is applied, bool [n].
    """
    chosen = one_of(len(policy.ranges), uniforms[:, 0])
    magnitudes = uniforms[:, 1] * LEVELS
    if policy.levels:
        first, last = policy.levels
        steps = one_of(last - first + 1, uniforms[:, 1])
        magnitudes = tf.cast(first + steps, tf.float32)
    negative = uniforms[:, 2] < 0.5
    values = parameters(policy.ranges, chosen, magnitudes, negative, images)
    return chosen, values, uniforms[:, 3] < policy.probability


def one_of(count: int, uniforms: tf.Tensor) -> tf.Tensor:
    """Converts numbers in [0, 1) to integers below `count`, with equal probability."""
    # The largest number below 1, times the count, may round to the count.
    return tf.minimum(tf.cast(uniforms * count, tf.int32), count - 1)


def final_cutout(
    images: tf.Tensor, uniforms: tf.Tensor, share: float, colours: Colours
) -> tf.Tensor:
    """Applies Cutout to each image, with the last two random numbers.

    Args:
        images: uint8 [n, H, W, C].
        uniforms: float32 [n, ...] in [0, 1); only the last two numbers are used.
        share: side of the patch as a share of the image's shorter side; 0 for none.
        colours: fill colours; only that of patches is used.

    Returns:
        uint8 [n, H, W, C].
    """
    if not share:
        return images
    shape = tf.shape(images)
    side = share * tf.cast(tf.minimum(shape[1], shape[2]), tf.float32)
    sides = tf.fill([shape[0]], side)
    return cutout(images, uniforms[:, -CUTOUT_UNIFORMS:], sides, colours.patch)
