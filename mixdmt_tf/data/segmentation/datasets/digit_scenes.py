"""Small synthetic images of real handwritten digits, available without a download.

Two to four of scikit-learn's 8x8 digits, enlarged two to three times and each in a
different light colour, are on a darker background of coloured clouds. A pixel of digit
d has class d + 1, and the background has class 0. Edges of strokes are ignored.

Image i depends only on i and is the same on every machine: the random numbers are the
raw stream of PCG64, which NumPy guarantees to keep, and no operations are used that
mathematical libraries round differently. Training, validation and test images have
different digits: of the 1,797, every fifth of each class is used for validation images,
and the one before it for test images.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import List, Tuple

import numpy as np

from mixdmt_tf.data import digits_file
from mixdmt_tf.data.segmentation.config import Config
from mixdmt_tf.data.segmentation.source import IGNORED, Sample, Source

SIDE = 48
COUNTS = {"train": 400, "validation": 100, "test": 100}
CLASS_NAMES = ("background", *"0123456789")
_SEED = 200_408_514
_FEWEST, _MOST = 2, 4  # digits in an image
_SMALLEST, _LARGEST = 18, 24  # height of a digit in pixels
_TRIES = 12  # positions to try for a digit before it is left out
_DARK, _LIGHT = 0.7, 0.6  # channels: of backgrounds to 0.7, of digits from 0.4
_STROKE, _EDGE = 0.5, 0.2  # ink above which a pixel is the digit; is not background


@dataclasses.dataclass(frozen=True)
class DigitSample(Sample):
    """One composed image.

    Attributes:
        part: 'train', 'validation' or 'test'.
        number: number of the image in its part, i.
    """

    part: str = "train"
    number: int = 0

    def size(self) -> Tuple[int, int]:
        """See `Sample.size`."""
        return SIDE, SIDE

    def image(self) -> np.ndarray:
        """See `Sample.image`."""
        return compose(self.part, self.number)[0]

    def labels(self) -> np.ndarray:
        """See `Sample.labels`."""
        return compose(self.part, self.number)[1]


def load(config: Config) -> Source:
    """Lists the images; settings are ignored.

    Images are not flipped, because mirrored digits are not digits.

    Raises:
        UserError: if scikit-learn or its file is missing.
    """
    del config
    _digits()  # raises at once if they are missing
    parts = {
        part: tuple(
            DigitSample(f"{part}_{number:03}", part=part, number=number)
            for number in range(count)
        )
        for part, count in COUNTS.items()
    }
    return Source(
        name="digit_scenes",
        class_names=CLASS_NAMES,
        crop=(SIDE + 1, SIDE + 1),  # of strided features the last is on the last pixel
        scale=(0.8, 1.25),
        flip=False,
        **parts,
    )


@functools.lru_cache(maxsize=1024)  # all images: a few megabytes
def compose(part: str, number: int) -> Tuple[np.ndarray, np.ndarray]:
    """Paints one image.

    Args:
        part: 'train', 'validation' or 'test'.
        number: number of the image, 0 or more; may exceed those of the data set.

    Returns:
        Image uint8 [48, 48, 3] and labels uint8 [48, 48], both read-only.
    """
    numbers = _Numbers(_SEED + 1_000_000 * list(COUNTS).index(part) + number)
    canvas = _background(numbers)
    labels = np.zeros((SIDE, SIDE), np.uint8)
    taken = np.zeros((SIDE, SIDE), bool)
    for _ in range(numbers.integer(_FEWEST, _MOST)):
        digit, ink = _digit(part, numbers)
        for _ in range(_TRIES):
            top = numbers.integer(0, SIDE - len(ink))
            left = numbers.integer(0, SIDE - len(ink))
            place = slice(top, top + len(ink)), slice(left, left + len(ink))
            if not (taken[place] & (ink > _EDGE)).any():
                _paint(canvas[place], ink, numbers)
                _mark(labels[place], ink, digit + 1)
                taken[place] |= ink > _EDGE
                break
    canvas += 0.06 * (numbers.uniforms(SIDE, SIDE, 3) - 0.5)  # a camera's noise
    image = np.rint(np.clip(canvas, 0, 1) * 255).astype(np.uint8)
    for array in (image, labels):
        array.setflags(write=False)
    return image, labels


class _Numbers:
    """Uniform random numbers of one image, in the order of the calls."""

    def __init__(self, seed: int) -> None:
        self._raw = np.random.PCG64(seed)

    def uniforms(self, *shape: int) -> np.ndarray:
        """Draws float64 numbers from [0, 1)."""
        raw = self._raw.random_raw(int(np.prod(shape)))
        return (raw >> np.uint64(11)).reshape(shape) * 2.0**-53

    def integer(self, low: int, high: int) -> int:
        """Draws an integer from `low` to `high`, both included."""
        return low + int(self.uniforms(1)[0] * (high - low + 1))


def _background(numbers: _Numbers) -> np.ndarray:
    """Draws coarse and fine clouds of two colours: float64 [S, S, 3] in [0, 1]."""
    clouds = np.zeros((SIDE, SIDE))
    for cells, weight in ((2, 0.5), (5, 0.3), (12, 0.2)):
        clouds += weight * _enlarge(numbers.uniforms(cells, cells), SIDE)
    first, second = _DARK * numbers.uniforms(2, 1, 1, 3)
    colours: np.ndarray = first + (second - first) * clouds[..., np.newaxis]
    return colours


def _digit(part: str, numbers: _Numbers) -> Tuple[int, np.ndarray]:
    """Draws a digit of this part, and its ink, float64 [s, s] in [0, 1]."""
    digit = numbers.integer(0, 9)
    pool = _digits()[list(COUNTS).index(part)][digit]
    ink = pool[numbers.integer(0, len(pool) - 1)]
    return digit, _enlarge(ink, numbers.integer(_SMALLEST, _LARGEST))


def _paint(canvas: np.ndarray, ink: np.ndarray, numbers: _Numbers) -> None:
    """Paints ink on a piece of the canvas, in a random light colour."""
    colour = 1 - _LIGHT * numbers.uniforms(3)
    canvas += (colour - canvas) * ink[..., np.newaxis]


def _mark(labels: np.ndarray, ink: np.ndarray, label: int) -> None:
    """Sets the class of a stroke, and ignores its edge."""
    labels[ink > _EDGE] = IGNORED
    labels[ink > _STROKE] = label


def _enlarge(values: np.ndarray, side: int) -> np.ndarray:
    """Resizes bilinearly with aligned corners: [n, n] -> [side, side]."""
    places = np.arange(side) * (len(values) - 1) / (side - 1)
    low = np.minimum(places.astype(int), len(values) - 2)
    share = places - low
    rows = values[low] + (values[low + 1] - values[low]) * share[:, np.newaxis]
    columns = rows[:, low + 1] - rows[:, low]
    enlarged: np.ndarray = rows[:, low] + columns * share
    return enlarged


@functools.lru_cache(maxsize=None)
def _digits() -> List[List[np.ndarray]]:
    """Returns ink of the digits, float64 [n, 8, 8] in [0, 1], by part and class."""
    ink, labels = digits_file.read("digit_scenes")
    parts: List[List[np.ndarray]] = [[], [], []]
    for digit in range(10):
        ids = np.flatnonzero(labels == digit)
        role = np.zeros(len(ids), int)
        role[4::5], role[3::5] = 1, 2
        for number, pools in enumerate(parts):
            pools.append(ink[ids[role == number]] / 16)
    return parts
