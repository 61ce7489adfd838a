"""Checks that an exported model makes the same predictions as its network."""

from __future__ import annotations

import dataclasses
from typing import Callable, Sequence, Tuple

import numpy as np

from mixdmt_tf.errors import UserError

NUMBER = 64  # number of random images, if no others are given
ANY_SIZE = (45, 60)  # size of random images for a network that takes any size
LARGEST = 1e-4  # largest difference of a probability due to rounding in float32
MOVED = 0.1  # share of probability that 8-bit numbers may move to other classes


@dataclasses.dataclass(frozen=True, eq=False)
class Samples:
    """Images that an exported model is compared on and calibrated with.

    Attributes:
        images: batches of images, uint8 [n, H, W, C].
        kind: the kind of images in words, such as 'test'.
        calibration: batches of training images, uint8 [n, H, W, C], to calibrate 8-bit
            numbers.
    """

    images: Sequence[np.ndarray]
    kind: str = "random"
    calibration: Sequence[np.ndarray] = ()


@dataclasses.dataclass(frozen=True)
class Agreement:
    """Differences between the probabilities of two models.

    Attributes:
        images: number of images that were compared.
        kind: the kind of images in words.
        largest: largest difference of any probability.
        moved: mean share of an image's, or pixel's, probability that moved to other
            classes (total variation distance).
        same: share of images, or pixels, with the same most likely class.
    """

    images: int
    kind: str
    largest: float
    moved: float
    same: float

    def describe(self) -> str:
        """Describes the agreement in a line for the terminal."""
        return (
            f"compared with the checkpoint on {self.images:,} {self.kind} images: "
            f"probabilities differ by at most {self.largest:.2g}, the likeliest class "
            f"is the same in {100 * self.same:.2f} %"
        )


def random_samples(shape: Tuple[int, ...]) -> Samples:
    """Returns random images, for models that are exported without data.

    Args:
        shape: (H, W, C) of the network's input; H and W are None for any size.
    """
    height, width, channels = shape
    number = NUMBER if height else 2
    size = (height, width) if height else ANY_SIZE
    pixels = np.random.default_rng(0).integers(
        0, 256, (number, *size, channels), np.uint8
    )
    return Samples([pixels])


def compare(
    samples: Samples,
    expected: Callable[[np.ndarray], np.ndarray],
    answered: Callable[[np.ndarray], np.ndarray],
    several_labels: bool = False,
) -> Agreement:
    """Compares the probabilities of both models on the images.

    Args:
        samples: the images.
        expected: returns the network's probabilities [n, ..., C] for images [n, H, W,
            C].
        answered: returns those of the exported model.
        several_labels: whether each of the C probabilities is that of a label of its
            own. A label then counts like an image of two classes.
    """
    number, largest, moved, same, rows = 0, 0.0, 0.0, 0, 0
    for images in samples.images:
        wanted, got = expected(images), np.asarray(answered(images))
        if several_labels:
            wanted, got = (np.stack([1.0 - p, p], axis=-1) for p in (wanted, got))
        apart = np.abs(got - wanted)
        number += len(images)
        # Unlike Python's `max`, NumPy's propagates NaN.
        largest = float(np.maximum(largest, apart.max()))
        moved += float(apart.sum(-1).sum(dtype=np.float64)) / 2
        same += int((got.argmax(-1) == wanted.argmax(-1)).sum())
        rows += apart[..., 0].size
    return Agreement(number, samples.kind, largest, moved / rows, same / rows)


def require(found: Agreement, place: object, eight_bits: bool) -> None:
    """Checks that an exported model agrees with its network.

    Raises:
        UserError: if the probabilities differ too much; the message says by how much.
    """
    if eight_bits:
        fine, bound = found.moved <= MOVED, f"{MOVED} of it on average"
        measured = f"{found.moved:.2g} of the probability moved to other classes"
    else:
        fine, bound = found.largest < LARGEST, f"{LARGEST:g}"
        measured = f"probabilities differ by up to {found.largest:.2g}"
    if not fine:
        raise UserError(
            f"the exported model {place} answers differently from the trained one: "
            f"{measured}, on {found.images:,} {found.kind} images; expected at most "
            f"{bound}.\nIt was not kept."
        )
