"""Grids of images and pictures of confusion matrices, as uint8 arrays."""

from __future__ import annotations

import math
from typing import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mixdmt_tf.data.band_files import seen
from mixdmt_tf.data.image_files import printable

_MOST_NAMES, _LONGEST = 60, 24  # most classes with names shown, most characters each
_WIDEST = 1440  # width of a confusion matrix in pixels; a cell has at least one


def grid(images: np.ndarray, columns: int, scale_to: int = 64) -> np.ndarray:
    """Tiles images into one image; small ones are enlarged without smoothing.

    Args:
        images: uint8 [n, H, W, C].
        columns: images per row; the last row is filled with white.
        scale_to: approximate height, in pixels, to which small images are enlarged by
            whole factors.

    Returns:
        uint8 [rows, columns, 3] in pixels, with a white line between the tiles.
    """
    images = seen(images)
    factor = max(1, scale_to // images.shape[1])
    images = images.repeat(factor, axis=1).repeat(factor, axis=2)
    images = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=255)
    rows = -(-len(images) // columns)
    blank = np.full((rows * columns - len(images),) + images.shape[1:], 255, np.uint8)
    tiles = np.concatenate([images, blank]).reshape((rows, columns) + images.shape[1:])
    height, width = images.shape[1:3]
    return tiles.swapaxes(1, 2).reshape(rows * height, columns * width, 3)


def confusion_matrix(
    labels: np.ndarray, predicted: np.ndarray, num_classes: int
) -> np.ndarray:
    """Returns the confusion matrix, int64 [true class, predicted class]."""
    cells = labels.astype(np.int64) * num_classes + predicted
    counts = np.bincount(cells, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def matrix_picture(
    counts: np.ndarray, names: Sequence[str] = (), cell: int = 24
) -> np.ndarray:
    """Draws a confusion matrix in shades of blue, with rows (true classes) normalized.

    Args:
        counts: [C, C], true classes by predicted ones.
        names: names of the classes, written beside the rows and above the columns if
            there are no more than 60.
        cell: height and width of a cell in pixels; smaller with many classes.

    Returns:
        uint8 [H, W, 3]; the cells are its lower right part.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    cell = max(1, min(cell, _WIDEST // len(shares)))
    white, blue = np.array([255.0, 255.0, 255.0]), np.array([8.0, 48.0, 107.0])
    cells = (white + (blue - white) * shares[..., None]).astype(np.uint8)
    cells = cells.repeat(cell, axis=0).repeat(cell, axis=1)
    if not names or len(names) > _MOST_NAMES:
        return cells
    font = ImageFont.load_default(13)
    shown = [printable(name)[:_LONGEST] for name in names]
    margin = 12 + math.ceil(max(map(font.getlength, shown)))
    beside = Image.new("RGB", (margin, len(cells)), "white")
    draw = ImageDraw.Draw(beside)
    for row, name in enumerate(shown):
        place = (margin - 6, row * cell + cell // 2)
        draw.text(place, name, "black", font, anchor="rm")
    above = np.asarray(_turned(shown, margin, cell, font))
    corner = _corner(margin, font)
    rows = np.concatenate([np.asarray(beside), cells], axis=1)
    return np.concatenate([np.concatenate([corner, above], axis=1), rows], axis=0)


def _turned(
    names: Sequence[str], margin: int, cell: int, font: ImageFont.FreeTypeFont
) -> Image.Image:
    """Draws the names above the columns, rotated to read upwards."""
    whole = Image.new("RGB", (margin, len(names) * cell), "white")
    draw = ImageDraw.Draw(whole)
    for place, name in enumerate(names):
        draw.text((6, place * cell + cell // 2), name, "black", font, anchor="lm")
    return whole.rotate(90, expand=True)


def _corner(margin: int, font: ImageFont.FreeTypeFont) -> np.ndarray:
    """Draws the corner that explains rows and columns."""
    whole = Image.new("RGB", (margin, margin), "white")
    draw = ImageDraw.Draw(whole)
    if margin >= 40:
        draw.text((margin - 6, margin - 10), "is", "grey", font, anchor="rm")
        draw.text((margin - 6, margin - 26), "says", "grey", font, anchor="rm")
    return np.asarray(whole)
