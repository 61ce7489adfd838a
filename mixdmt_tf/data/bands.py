"""What images of other than colours are: how many channels, and which values.

`band_files.py` reads them. Settings have to be checked before NumPy is imported.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Optional, Sequence, Tuple

from mixdmt_tf.errors import UsageError

PICTURES = (".png", ".jpg", ".jpeg", ".bmp")
TIFF, NUMPY = (".tif", ".tiff"), ".npy"
SUFFIXES = (*PICTURES, *TIFF, NUMPY)


@dataclasses.dataclass(frozen=True)
class Bands:
    """What the images of a data set have in common.

    Attributes:
        number: of channels, C.
        low: the value that becomes level 0; None with `high`: the whole range of the
            file's type, from 0 to 255 or to 65,535.
        high: the value that becomes level 255.
    """

    number: int
    low: Optional[float] = None
    high: Optional[float] = None


def suffixes(bands: Optional[Bands]) -> Tuple[str, ...]:
    """Of the files that are images, in lower case."""
    return SUFFIXES if bands else PICTURES


def kinds(suffixes: Sequence[str]) -> str:
    """What files with these suffixes are, for messages."""
    if NUMPY in suffixes:
        return "PNG, JPEG, BMP, TIFF or NumPy"
    return "PNG, JPEG or BMP"


def of(channels: Optional[int], pixel_range: str) -> Optional[Bands]:
    """What --channels and --pixel_range say; None: photographs in colour.

    Raises:
        UsageError: if they can't be read, or don't go together.
    """
    if channels is None:
        if pixel_range:
            raise UsageError(
                f"--pixel_range={pixel_range} needs --channels=N, the number of "
                "channels of the images, such as 1 or 4"
            )
        return None
    if not pixel_range:
        return Bands(channels)
    try:
        low, high = map(float, pixel_range.split(","))
        sound = math.isfinite(low) and math.isfinite(high) and low < high
    except ValueError:
        sound = False
    if not sound:
        raise UsageError(
            f"--pixel_range={pixel_range}: expected the value that is black and the "
            "larger one that is white, such as 0,4095"
        )
    return Bands(channels, low, high)
