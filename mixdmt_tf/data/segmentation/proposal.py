"""A `colours.txt` to begin with, made of the colours that masks have."""

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

FILE = "proposed_colours.txt"  # what whoever writes it should call it
LISTED = 20  # of the colours that are no classes
LABELMAP = "labelmap.txt"  # CVAT's names and colours
_BORDER = 0xE0E0C0  # VOC's colour of what is ignored


def propose(
    pixels: Counter[int],
    images: Counter[int],
    solid: FrozenSet[int],
    names: Dict[int, str],
) -> str:
    """The text of the file; colours that are no `candidates` are comments in it.

    Args:
        pixels: how many pixels have each colour, by code (`colours.encode`).
        images: in how many masks it occurs.
        solid: colours that fill a square of 3x3 pixels in some mask.
        names: of colours that somebody named.
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
    """Colours that look like classes, the most frequent first.

    Those are colours that somebody named, and those that fill a square of 3x3 pixels in
    some mask: mixed colours of smoothed edges rarely do. What is transparent is none.

    Args:
        pixels: as for `propose`.
        solid: the same.
        names: the same.
    """
    ordered = [code for code, _ in pixels.most_common()]
    found = (code for code in ordered if code in solid or code in names)
    return [code for code in found if code != TRANSPARENT]


def cvat_names(folder: pathlib.Path) -> Dict[int, str]:
    """Names of colours in the labelmap.txt of CVAT, lines of 'name:r,g,b::'.

    Nothing if there is none, or of lines that have another form.
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
    """Colours for a message: the first few, and how many more."""
    more = f", and {len(codes) - LISTED:,} more" if len(codes) > LISTED else ""
    return ", ".join(map(name_of, codes[:LISTED])) + more
