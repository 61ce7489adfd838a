"""Number of channels and value range of images that are not photographs.

`band_files.py` reads such images. This module does not import NumPy, because settings
are checked before it is imported.
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
    """Channels and value range of the images of a data set.

    Attributes:
        number: number of channels, C.
        low: the value that becomes level 0. If `low` and `high` are None, the range is
            that of the file's type, 0 to 255 or 0 to 65,535.
        high: the value that becomes level 255.
    """

    number: int
    low: Optional[float] = None
    high: Optional[float] = None


def suffixes(bands: Optional[Bands]) -> Tuple[str, ...]:
    """Returns the suffixes of image files, in lower case."""
    return SUFFIXES if bands else PICTURES


def kinds(suffixes: Sequence[str]) -> str:
    """Names the formats with these suffixes, for messages."""
    if NUMPY in suffixes:
        return "PNG, JPEG, BMP, TIFF or NumPy"
    return "PNG, JPEG or BMP"


def of(channels: Optional[int], pixel_range: str) -> Optional[Bands]:
    """Parses --channels and --pixel_range; returns None for photographs in colour.

    Raises:
        UsageError: if a value is invalid, or the two don't go together.
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
            f"--pixel_range={pixel_range}: expected the value of black and the larger "
            "value of white, such as 0,4095"
        )
    return Bands(channels, low, high)
