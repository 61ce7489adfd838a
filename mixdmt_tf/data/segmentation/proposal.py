"""Proposes a `colours.txt` from the colours in masks."""

from __future__ import annotations

import pathlib
from typing import Counter, Dict, FrozenSet, List

import numpy as np

from mixdmt_tf.data.image_files import printable
from mixdmt_tf.data.segmentation.colours import (
    IGNORED_NAME,
    TRANSPARENT,
    decode,
    name_of,
)
from mixdmt_tf.data.segmentation.text_files import read_lines
from mixdmt_tf.errors import UserError

FILE = "proposed_colours.txt"  # name of the file to write
LISTED = 20  # most colours to list that are not classes
LABELMAP = "labelmap.txt"  # CVAT's names and colours
_BORDER = 0xE0E0C0  # VOC's colour of ignored pixels


def propose(
    pixels: Counter[int],
    images: Counter[int],
    solid: FrozenSet[int],
    names: Dict[int, str],
) -> str:
    """Returns the text of the file, with colours other than `candidates` as comments.

    Args:
        pixels: number of pixels of each colour, by code (`colours.encode`).
        images: number of masks with each colour.
        solid: colours that fill a square of 3x3 pixels in any mask.
        names: names of colours, if known.
    """
    total = sum(pixels.values())
    lines = [
        "# Proposed by bin/inspect: the colours in the masks, the most frequent first.",
        "# Give the classes their names, in the order of their numbers. Lines with the",
        f"# same name are one class; pixels of one called {IGNORED_NAME} have none.",
    ]
    ordered = [code for code, _ in pixels.most_common()]
    classes = candidates(pixels, solid, names)
    for number, code in enumerate(classes):
        share = 100 * pixels[code] / total
        lines.append(f"# {share:.2f} % of pixels, in {images[code]:,} masks")
        usual = IGNORED_NAME if code == _BORDER else f"class {number}"
        lines.append(_line(names.get(code, usual), code))
    if pixels[TRANSPARENT]:
        share = 100 * pixels[TRANSPARENT] / total
        lines += [
            "#",
            f"# {share:.2f} % of pixels, in {images[TRANSPARENT]:,} masks, are",
            "# transparent, which is no colour: --unknown_colour=ignore leaves them",
            "# out. If they are a class, they need a colour in the masks.",
        ]
    known = {*classes, TRANSPARENT}
    others = [code for code in ordered if code not in known]
    if others:
        share = 100 * sum(pixels[code] for code in others) / total
        lines += [
            "#",
            f"# {len(others):,} more colours, of {share:.2f} % of pixels, fill no",
            "# square of 3x3 pixels: smoothed edges? --unknown_colour=ignore leaves",
            "# such pixels out. What is a class after all needs a line of its own:",
            *(f"# {_line('class', code)}" for code in others[:LISTED]),
        ]
    return "\n".join(lines) + "\n"


def candidates(
    pixels: Counter[int], solid: FrozenSet[int], names: Dict[int, str]
) -> List[int]:
    """Returns colours that are probably classes, the most frequent first.

    These are colours with names, and colours that fill a square of 3x3 pixels in any
    mask, which mixed colours of smoothed edges rarely do. Transparent is not a class.

    Args:
        pixels: see `propose`.
        solid: see `propose`.
        names: see `propose`.
    """
    ordered = [code for code, _ in pixels.most_common()]
    found = (code for code in ordered if code in solid or code in names)
    return [code for code in found if code != TRANSPARENT]


def cvat_names(folder: pathlib.Path) -> Dict[int, str]:
    """Reads names of colours from CVAT's labelmap.txt with lines 'name:r,g,b::'.

    Lines of another form are skipped. Without the file the result is empty.
    """
    path = folder / LABELMAP
    names: Dict[int, str] = {}
    try:
        lines = read_lines(path) if path.is_file() else ()
    except UserError:
        return names
    for line in lines:
        name, _, rest = line.partition(":")
        numbers = rest.partition(":")[0].split(",")
        if len(numbers) == 3 and all(each.strip().isdecimal() for each in numbers):
            red, green, blue = (min(int(each), 255) for each in numbers)
            names[red << 16 | green << 8 | blue] = printable(name.strip()) or "class"
    return names


def _line(name: str, code: int) -> str:
    red, green, blue = decode(np.array(code))
    return f"{name}  {red} {green} {blue}"


def colour_names(codes: List[int]) -> str:
    """Formats colours for messages: the first few, and the number of others."""
    more = f", and {len(codes) - LISTED:,} more" if len(codes) > LISTED else ""
    return ", ".join(map(name_of, codes[:LISTED])) + more
