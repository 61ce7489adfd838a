"""Reads masks from files: a class for each pixel, as a number or as a colour.

A mask is a PNG or BMP. Without a `colours.txt` its numbers are classes: grey values of
1 to 16 bits, or palette indices, whatever the colours of the palette. 255 means no
class, and so does 65535 in a file of 16 bits. With a `colours.txt` the colours are
used, also for greys and palettes. JPEG is not accepted, because its compression changes
numbers and colours.
"""

from __future__ import annotations

import pathlib
from typing import Optional

import numpy as np

from mixdmt_tf.data.segmentation.colours import Palette, encode, name_of
from mixdmt_tf.data.segmentation.opening import naming, opened
from mixdmt_tf.data.segmentation.source import IGNORED
from mixdmt_tf.errors import UserError

FORMATS, SUFFIXES = ("PNG", "BMP"), (".png", ".bmp")
COLOURED = ("RGB", "RGBA", "LA", "PA")
_IGNORED_16_BIT = 65535
_BIT_DEPTH = 24  # offset of the byte of a PNG that has the bits of each number


def read(path: pathlib.Path, palette: Optional[Palette] = None) -> np.ndarray:
    """Reads the classes in a mask: uint8 [H, W], 255 where there is none.

    Args:
        path: path of the mask.
        palette: classes of its colours; None: its numbers are classes.

    Raises:
        UserError: as `read_indices` and `read_codes`; or if `palette` lacks colours of
            the mask, unless it ignores them.
    """
    if palette is None:
        return read_indices(path)
    codes = read_codes(path)
    classes, unknown = palette.classes_of(codes)
    if palette.strict and unknown.any():
        found, counts = np.unique(codes[unknown], return_counts=True)
        most = int(found[counts.argmax()])
        row, column = np.argwhere(codes == most)[0]
        raise naming(
            path,
            f"{counts.sum():,} pixels of {len(found):,} colours that {palette.place} "
            f"lacks, most often {name_of(most)} ({counts.max():,} pixels, the first in "
            f"row {row}, column {column}); if edges were smoothed, "
            "--unknown_colour=ignore leaves such pixels out",
        )
    return classes


def read_indices(path: pathlib.Path) -> np.ndarray:
    """Reads the numbers in a mask, or its palette indices: uint8 [H, W].

    Raises:
        UserError: if the file is missing, damaged, has colours, or numbers above 255
            (but for 65535, which becomes 255).
    """
    with opened(path, FORMATS) as picture:
        mode = picture.mode
        numbers = np.array(picture)
    if numbers.ndim != 2:
        raise naming(
            path,
            f"has colours ({mode}); expected one channel of class numbers, or a "
            "colours.txt that says what they mean: bin/inspect proposes one",
        )
    if mode == "L":
        numbers //= grey_step(path)
    if mode.startswith("I"):
        numbers = np.where(numbers == _IGNORED_16_BIT, IGNORED, numbers)
    if numbers.min() < 0 or numbers.max() > 255:
        raise naming(
            path, f"numbers from {numbers.min()} to {numbers.max()}; expected 0 to 255"
        )
    return numbers.astype(np.uint8)


def read_codes(path: pathlib.Path) -> np.ndarray:
    """Reads the colours of a mask as codes of `colours.encode`: int32 [H, W].

    Raises:
        UserError: if the file is missing, damaged, or grey of 16 bits, which
            `colours.txt` can't express.
    """
    with opened(path, FORMATS) as picture:
        if picture.mode.startswith("I"):
            raise UserError(  # `opened` names the file
                "grey of 16 bits, which has no colours; save it with 8 bits, or remove "
                "colours.txt if its numbers are classes"
            )
        see_through = "A" in picture.mode or "transparency" in picture.info
        return encode(np.array(picture.convert("RGBA" if see_through else "RGB")))


def has_colours(path: pathlib.Path) -> bool:
    """Whether a mask has colours and no numbers, by its header; False if damaged."""
    try:
        with opened(path, FORMATS) as picture:
            return picture.mode in COLOURED
    except UserError:
        return False  # `check` will report it, by name


def read_palette(path: pathlib.Path, count: int) -> Optional[np.ndarray]:
    """Returns the first colours of a mask's palette, uint8 [count, 3].

    Returns None if there is no palette, or its colours don't distinguish classes: if
    they are equal or all dark, as in maps whose palette is 0, 1, 2, ...
    """
    try:
        with opened(path, FORMATS) as picture:
            palette = picture.getpalette() if picture.mode == "P" else None
    except UserError:
        return None  # `check` will report it, by name
    if palette is None or len(palette) < 3 * count:
        return None
    colours = np.array(palette[: 3 * count], np.uint8).reshape(count, 3)
    different = len(np.unique(colours, axis=0)) == count
    return colours if different and colours.max() >= 64 else None


def grey_step(path: pathlib.Path) -> int:
    """Returns the factor by which Pillow scales numbers of 2 or 4 bits to 8 bits."""
    with path.open("rb") as file:
        header = file.read(_BIT_DEPTH + 1)
    if not header.startswith(b"\x89PNG"):
        return 1
    return {2: 85, 4: 17}.get(header[_BIT_DEPTH], 1)
