"""Pixel values of user images: uint8, or float in one of three ranges."""

from __future__ import annotations

import dataclasses
from typing import Any, Optional, Tuple

import numpy as np
import tensorflow as tf

from mixdmt_tf.errors import ArgumentError

Range = Tuple[float, float]
BYTES: Range = (0.0, 255.0)
FEW = 16.0  # fewer integer levels than this are too coarse for an image
CANONICAL: Range = (-1.0, 1.0)
"""The range to which the pipelines scale all images (`data/pixels.py`)."""


def range_given(given: Any) -> Range:
    """Checks and returns a range given by the user.

    Raises:
        ArgumentError: if it is not a pair of numbers, the smaller one first.
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
    """Returns the range of floating images; None for integer images, which need none.

    Args:
        images: any numbers.
        what: name of the argument, for error messages.
        own: the range that the network takes, if the user gave it.

    Returns:
        (0, 1), (-1, 1), `own` or (0, 255): the first that contains all values.

    Raises:
        ArgumentError: if none does, a value is not finite, or rounding to whole numbers
            of 0 to 255 would lose nearly all detail.
    """
    if images.dtype.kind in "iu":
        return None
    if images.dtype.kind == "b":
        raise ArgumentError(
            f"{what}: images are booleans; expected numbers.\nGive "
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
        "0 to 1, -1 to 1 or 0 to 255.\nGive the images as they were before "
        "standardization; a Normalization layer in the network can standardize them."
    )


def _require_whole(images: np.ndarray, high: float, what: str) -> None:
    """Rejects small fractional values: rounding would lose nearly all detail."""
    if high < FEW and (images % 1).any():
        raise ArgumentError(
            f"{what}: values from 0 to {high:.4g}, with fractions; images of 0 to 255 "
            "are rounded to whole numbers, too coarse for these.\nScale them to 0 to "
            f"1, or give their range, such as input_range=(0, {np.ceil(high):g})."
        )


def to_bytes(images: np.ndarray, found: Optional[Range], what: str) -> np.ndarray:
    """Converts images to uint8, the dtype in which they are stored and augmented.

    Args:
        images: images of any dtype.
        found: the range of floating images.
        what: name of the argument, for error messages.

    Raises:
        ArgumentError: if a value is outside of the range.
    """
    if images.dtype == np.uint8:
        return images
    low, high = found if images.dtype.kind == "f" and found else BYTES
    least, most = images.min(), images.max()
    if not low <= least <= most <= high:
        raise ArgumentError(
            f"{what}: values from {least:.4g} to {most:.4g}; earlier images were in "
            f"{low:g} to {high:g}.\nGive all images in the same range."
        )
    if images.dtype.kind != "f":
        return images.astype(np.uint8)
    scaled = (images.astype(np.float32) - low) * (255.0 / (high - low))
    return np.rint(scaled).astype(np.uint8)


@dataclasses.dataclass(frozen=True)
class Scale:
    """Converts pixels between the ranges of the user, the pipelines and the network.

    Attributes:
        floats: the range of the user's floating images; None: none were seen yet.
        network: the range that the network takes; None: not known yet.
    """

    floats: Optional[Range] = None
    network: Optional[Range] = None

    def seen(self, images: np.ndarray, what: str, own: Optional[Range]) -> Scale:
        """Returns the scale with unknown ranges filled in from these images.

        A network gets floating images as they are given, unless it begins with a layer
        of this package that rescales -1 to 1, as pretrained ones do. It gets uint8
        images as 0 to 255 if it begins with a layer that rescales them, and else as -1
        to 1, like the networks of this package.

        Args:
            images: images as given by the user.
            what: name of the argument, for error messages.
            own: range that the network is made for; None if it does not show.

        Raises:
            ArgumentError: if the images are in no known range.
        """
        floats = self.floats or range_of(images, what, self.network)
        as_given = images.dtype.kind == "f" and own != CANONICAL
        given = floats if as_given else own or CANONICAL
        return Scale(floats, self.network or given)

    def canonical(self, images: Any) -> tf.Tensor:
        """Returns the user's images as a tensor in -1 to 1, as the pipelines do."""
        low, high = self.floats if images.dtype.is_floating and self.floats else BYTES
        return tf.cast(images, tf.float32) * (2.0 / (high - low)) - (
            2.0 * low / (high - low) + 1.0
        )
