"""Pixel values as programs have them: uint8, or float in one of three ranges."""

from __future__ import annotations

import dataclasses
from typing import Any, Optional, Tuple

import numpy as np
import tensorflow as tf

from mixdmt_tf.errors import ArgumentError

Range = Tuple[float, float]
BYTES: Range = (0.0, 255.0)
FEW = 16.0  # steps of rounding that are too few for an image
CANONICAL: Range = (-1.0, 1.0)
"""The range that the pipelines make of all images (`data/pixels.py`)."""


def range_given(given: Any) -> Range:
    """A range that a program says.

    Raises:
        ArgumentError: if it is no pair of numbers, the smaller one first.
    """
    try:
        low, high = (float(each) for each in given)
    except (TypeError, ValueError):
        low, high = 0.0, 0.0
    if not -np.inf < low < high < np.inf:
        raise ArgumentError(
            f"input_range={given!r}: expected the smallest and the largest pixel, such "
            "as (0, 255)"
        )
    return low, high


def range_of(
    images: np.ndarray, what: str, own: Optional[Range] = None
) -> Optional[Range]:
    """The range that floating images are in; None of integers, which need none.

    Args:
        images: any numbers.
        what: they are, for the message.
        own: the range that the network takes, if somebody said so.

    Returns:
        (0, 1), (-1, 1), `own` or (0, 255), the first of them that holds all values.

    Raises:
        ArgumentError: if none does, a value is not finite, or rounding to whole numbers
            of 0 to 255 would leave next to nothing of them.
    """
    if images.dtype.kind in "iu":
        return None
    if images.dtype.kind == "b":
        raise ArgumentError(
            f"{what}: images are truth values; expected numbers.\nGive "
            'images.astype("float32"), which is 0 to 1.'
        )
    low, high = float(np.min(images)), float(np.max(images))
    for lowest, highest in ((0.0, 1.0), CANONICAL, own or BYTES, BYTES):
        if lowest <= low and high <= highest:
            if (lowest, highest) == BYTES:
                _require_whole(images, high, what)
            return lowest, highest
    raise ArgumentError(
        f"{what}: values from {low:.4g} to {high:.4g}; expected uint8, or float in "
        "0 to 1, -1 to 1 or 0 to 255.\nGive the images as they were before they were "
        "standardized; a Normalization layer in the network does that."
    )


def _require_whole(images: np.ndarray, high: float, what: str) -> None:
    """Refuses small fractions, of which rounding would leave next to nothing."""
    if high < FEW and (images % 1).any():
        raise ArgumentError(
            f"{what}: values from 0 to {high:.4g}, with fractions; images of 0 to 255 "
            "are rounded to whole numbers, too few for these.\nGive them as 0 to 1, or "
            f"say what their range is, such as input_range=(0, {np.ceil(high):g})."
        )


def to_bytes(images: np.ndarray, found: Optional[Range], what: str) -> np.ndarray:
    """The images as uint8, in which they are stored, shifted and augmented.

    Args:
        images: of any dtype.
        found: their range, of floating ones.
        what: they are, for the message.

    Raises:
        ArgumentError: if they are outside of the range.
    """
    if images.dtype == np.uint8:
        return images
    low, high = found if images.dtype.kind == "f" and found else BYTES
    least, most = images.min(), images.max()
    if not low <= least <= most <= high:
        raise ArgumentError(
            f"{what}: values from {least:.4g} to {most:.4g}; the images before were in "
            f"{low:g} to {high:g}.\nGive all images in the same range."
        )
    if images.dtype.kind != "f":
        return images.astype(np.uint8)
    scaled = (images.astype(np.float32) - low) * (255.0 / (high - low))
    return np.rint(scaled).astype(np.uint8)


@dataclasses.dataclass(frozen=True)
class Scale:
    """Between the pixels of a program, the pipelines' and the network's.

    Attributes:
        floats: the range of floating images; None: none were seen.
        network: the range that the network takes; None: nobody has said so.
    """

    floats: Optional[Range] = None
    network: Optional[Range] = None

    def seen(self, images: np.ndarray, what: str, rescales: bool) -> Scale:
        """With what these images tell: range of floats, and what the network takes.

        A network gets floating images as they are given. Of uint8 it gets 0 to 255 if
        it begins with a layer that rescales these, and else -1 to 1, as the networks of
        this package take them.

        Args:
            images: as the program has them.
            what: they are, for the message.
            rescales: whether the network does.

        Raises:
            ArgumentError: if they are in no range that is known.
        """
        floats = self.floats or range_of(images, what, self.network)
        of_bytes = BYTES if rescales else CANONICAL
        given = of_bytes if images.dtype.kind != "f" else floats
        return Scale(floats, self.network or given)

    def canonical(self, images: Any) -> tf.Tensor:
        """Images of a program, as a tensor, as the pipelines make them: -1 to 1."""
        low, high = self.floats if images.dtype.is_floating and self.floats else BYTES
        return tf.cast(images, tf.float32) * (2.0 / (high - low)) - (
            2.0 * low / (high - low) + 1.0
        )
