"""Reads the classes and colours of a data set from `classes.txt` and `colours.txt`."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Optional, Sequence, Tuple

import numpy as np

from mixdmt_tf.data import image_files
from mixdmt_tf.data.segmentation import label_maps
from mixdmt_tf.data.segmentation.colours import COLOURS, Palette, read_colours
from mixdmt_tf.data.segmentation.text_files import read_class_names
from mixdmt_tf.errors import UsageError, UserError

CLASSES = "classes.txt"


def read_classes(
    folder: pathlib.Path, unknown_colour: str
) -> Tuple[Optional[Tuple[str, ...]], Optional[Palette]]:
    """Reads the names of the classes, and the colours of classes in masks.

    Args:
        folder: folder of the data set, with a classes.txt, a colours.txt, or both.
        unknown_colour: the setting `Config.unknown_colour`.

    Returns:
        Names of the classes, or None if no file has them; and the palette, or None if
        masks have class numbers.

    Raises:
        UsageError: if unknown colours are to be ignored without a colours.txt.
        UserError: if a file can't be read, or the two have different classes.
    """
    names = None
    if (folder / CLASSES).exists():
        names = read_class_names(folder / CLASSES)
    if (folder / COLOURS).exists():
        palette = read_colours(folder / COLOURS)
        if names not in (None, palette.class_names):
            raise UserError(
                f"{folder}: {CLASSES} and {COLOURS} name different classes, or in "
                f"another order\nremove {CLASSES}: {COLOURS} names them all"
            )
        strict = unknown_colour == "error"
        return palette.class_names, dataclasses.replace(palette, strict=strict)
    if unknown_colour != "error":
        raise UsageError(
            f"--unknown_colour={unknown_colour}: {folder} has no {COLOURS} that says "
            "which are known\nwrite one (bin/inspect proposes it), or leave the "
            "flag out if the masks have numbers"
        )
    return names, None


def require_numbers(masks: Sequence[pathlib.Path], folder: pathlib.Path) -> None:
    """Raises an error if masks have colours and there is no colours.txt.

    If only some masks have colours, `checking` reports them.

    Args:
        masks: all masks, at least one.
        folder: folder of the data set, without a colours.txt.

    Raises:
        UserError: if masks have colours; says how to create a colours.txt.
    """
    if all(map(label_maps.has_colours, masks)):
        raise UserError(
            f"{image_files.printable(masks[0])} has colours, and there is no "
            f"{folder / COLOURS} to say what they mean\n"
            f"bin/inspect --data_dir={folder} proposes one: give its classes their "
            "names and put it there"
        )


def colours_of(
    palette: Optional[Palette], mask: pathlib.Path, count: int
) -> Optional[np.ndarray]:
    """Returns the colours to paint label maps: uint8 [count, 3]; None: those of VOC.

    Args:
        palette: palette of colours.txt, if there is one.
        mask: mask whose own palette is used otherwise, if it is useful.
        count: number of classes, C.
    """
    return palette.colours if palette else label_maps.read_palette(mask, count)
