"""Holds out validation images for data sets that have none."""

from __future__ import annotations

import random
from typing import Optional, Sequence, Tuple, TypeVar

from mixdmt_tf.data.segmentation.source import Sample
from mixdmt_tf.errors import UsageError, UserError

AnySample = TypeVar("AnySample", bound=Sample)
_SEED = 7777


def hold_out(
    samples: Sequence[AnySample], count: Optional[int]
) -> Tuple[Tuple[AnySample, ...], Tuple[AnySample, ...]]:
    """Splits off some labelled images for validation, always the same ones.

    Args:
        samples: all images.
        count: number of validation images; None: a tenth of the labelled images.

    Returns:
        Training images and validation images.

    Raises:
        UsageError: if `count` leaves no labelled training image.
        UserError: if there are too few labelled images for both.
    """
    known = [sample for sample in samples if sample.known]
    if count is None:
        if len(known) < 2:
            raise UserError(
                f"only {len(known)} images have a mask; expected two or more, one of "
                "them for validation (--validation=0 holds out none)"
            )
        count = -(-len(known) // 10)
    if count >= len(known):
        raise UsageError(
            f"--validation={count}: only {len(known)} images have a mask, and at least "
            "one has to be left to learn from"
        )
    random.Random(_SEED).shuffle(known)
    held_out = {sample.name for sample in known[:count]}
    return (
        tuple(sample for sample in samples if sample.name not in held_out),
        tuple(sample for sample in samples if sample.name in held_out),
    )
