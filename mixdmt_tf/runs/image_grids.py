"""Images for people: grids of images and a confusion matrix, as uint8 arrays."""

from __future__ import annotations

from typing import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mixdmt_tf.data.band_files import seen

_LONGEST = 24  # characters of a class name in a confusion matrix


def grid(images: np.ndarray, columns: int, scale_to: int = 64) -> np.ndarray:
    """Tiles images into one image, small ones enlarged without smoothing.

    Args:
        images: uint8 [n, H, W, C].
        columns: images per row; the last row is filled with white.
        scale_to: enlarge by whole factors until the height reaches about this.

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
    """Counts, int64 [true class, predicted class]."""
    cells = labels.astype(np.int64) * num_classes + predicted
    counts = np.bincount(cells, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def matrix_picture(
    counts: np.ndarray, class_names: Sequence[str], cell: int = 24
) -> np.ndarray:
    """A confusion matrix as shades of blue, rows (true classes) scaled to one.

    Args:
        counts: int64 [true class, predicted class].
        class_names: written beside the rows and, upright, above the columns.
        cell: side of a cell in pixels.

    Returns:
        RGB, uint8 [height, width, 3]; the cells are at its lower right.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shade = np.kron(shares, np.ones((cell, cell)))[..., None]
    white, blue = np.array([255.0, 255.0, 255.0]), np.array([8.0, 48.0, 107.0])
    cells = (white + (blue - white) * shade).astype(np.uint8)
    words = [name if name.isprintable() else ascii(name) for name in class_names]
    rows = _words(["rows: true", "columns: predicted", *words], cell)
    margin = rows.height - len(cells), rows.width  # above the cells and beside them
    above = _words(words, cell).rotate(90, expand=True)
    height = max(margin[0], above.height)
    whole = Image.new("RGB", (margin[1] + len(cells), height + len(cells)), "white")
    whole.paste(rows, (0, height - margin[0]))
    whole.paste(above, (margin[1], height - above.height))
    whole.paste(Image.fromarray(cells), (margin[1], height))
    return np.asarray(whole)


def _words(words: Sequence[str], line: int) -> Image.Image:
    """Words below one another, each in a line of so many pixels, cut if long."""
    font = ImageFont.load_default(12)
    words = [
        word if len(word) <= _LONGEST else f"{word[:_LONGEST]}..." for word in words
    ]
    width = 8 + max((round(font.getlength(word)) for word in words), default=0)
    whole = Image.new("RGB", (width, line * len(words)), "white")
    draw = ImageDraw.Draw(whole)
    for place, word in enumerate(words):
        draw.text((4, line * place + line // 2), word, "black", font, anchor="lm")
    return whole
