"""Reads `colours.txt`, which maps the colours in masks to classes.

Each line has the name of a class and then its colour, as three numbers from 0 to 255 or
as #rrggbb. The first name is class 0:

    # a line that begins with # is a comment
    background     0 0 0
    traffic light  #faaa1e
    car            0 0 142
    car            0 0 70
    ignored        255 255 255

A name on several lines has several colours, which can be used to merge classes. Pixels
in a colour of `ignored` have no class and are excluded from training and evaluation.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
from typing import Dict, List, Mapping, Tuple

import numpy as np

from mixdmt_tf.data.segmentation.opening import naming
from mixdmt_tf.data.segmentation.source import IGNORED
from mixdmt_tf.data.segmentation.text_files import read_lines

COLOURS, IGNORED_NAME = "colours.txt", "ignored"
TRANSPARENT = -1  # code of a pixel that is not fully opaque
_NUMBER = r"(\d{1,3})"
_LINE = re.compile(
    rf"(.*\S)\s+(?:#([0-9a-f]{{6}})|{_NUMBER}[\s,]+{_NUMBER}[\s,]+{_NUMBER})",
    re.ASCII | re.IGNORECASE,
)


@dataclasses.dataclass(frozen=True, eq=False)
class Palette:
    """Classes and their colours.

    Attributes:
        class_names: names of the classes 0, 1, ...
        classes: class, or 255, of each colour, by the colour's code (`encode`).
        strict: whether masks with other colours raise an error; otherwise these pixels
            become 255.
        place: the file of the palette, for messages.
    """

    class_names: Tuple[str, ...]
    classes: Mapping[int, int]
    strict: bool = True
    place: str = COLOURS

    @property
    def colours(self) -> np.ndarray:
        """The first colour of each class: uint8 [C, 3]."""
        first: Dict[int, int] = {}
        for code, number in self.classes.items():
            first.setdefault(number, code)
        codes = np.array([first[number] for number in range(len(self.class_names))])
        return decode(codes)

    def classes_of(self, codes: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Converts colours to classes.

        Args:
            codes: codes of colours, int32 [H, W].

        Returns:
            Classes, or 255, uint8 [H, W], and where a colour is unknown, bool [H, W].
        """
        known = np.array(sorted(self.classes), np.int32)
        numbers = np.array([self.classes[code] for code in known.tolist()], np.uint8)
        places = np.searchsorted(known, codes).clip(max=len(known) - 1)
        unknown = known[places] != codes
        return np.where(unknown, np.uint8(IGNORED), numbers[places]), unknown


def encode(pixels: np.ndarray) -> np.ndarray:
    """Encodes colours as numbers: red * 65536 + green * 256 + blue.

    Args:
        pixels: uint8 [..., 3], or [..., 4] with opacity.

    Returns:
        int32 [...]; -1 where a pixel is not fully opaque.
    """
    red, green, blue = (pixels[..., i].astype(np.int32) for i in range(3))
    codes = red << 16 | green << 8 | blue
    if pixels.shape[-1] == 4:
        codes = np.where(pixels[..., 3] == 255, codes, TRANSPARENT)
    return codes


def decode(codes: np.ndarray) -> np.ndarray:
    """Decodes numbers of `encode` to colours: int [N] -> uint8 [N, 3]."""
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], -1).astype(np.uint8)


def name_of(code: int) -> str:
    """Formats a colour for messages: #rrggbb."""
    return "transparent" if code == TRANSPARENT else f"#{code:06x}"


def read_colours(path: pathlib.Path) -> Palette:
    """Reads a `colours.txt`.

    Raises:
        UserError: if a line has no name and colour or repeats a colour, or there are
            fewer than 2 or more than 255 classes.
    """
    names: List[str] = []
    classes: Dict[int, int] = {}
    for line in read_lines(path):
        if line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        numbers = [int(each) for each in found.groups()[2:] if each] if found else []
        if not found or max(numbers, default=0) > 255:
            raise naming(
                path,
                f"the line {line[:80]!a} has no name and colour\nexpected a class's "
                "name and then three numbers from 0 to 255, or #rrggbb",
            )
        name, digits = found[1], found[2]
        code = int(encode(np.array(numbers))) if numbers else int(digits, 16)
        if code in classes:
            raise naming(path, f"the colour {name_of(code)} stands on two lines")
        if name != IGNORED_NAME and name not in names:
            names.append(name)
        classes[code] = IGNORED if name == IGNORED_NAME else names.index(name)
    if not 2 <= len(names) <= 255:
        raise naming(path, f"{len(names)} classes; expected 2 to 255")
    return Palette(tuple(names), classes)
