"""Contact sheet: images next to their coloured masks, to inspect before training."""

from __future__ import annotations

import math
from typing import List, Sequence, Tuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mixdmt_tf.data.image_files import printable

HEIGHT, WIDEST = 160, 320  # height and largest width of a picture, in pixels
_LINE, _MARGIN = 20, 6
_PAIRS = 2  # pairs in a row
_MOST_CLASSES = 60  # most classes in the legend

Tile = Tuple[str, np.ndarray, np.ndarray]


def contact_sheet(
    tiles: Sequence[Tile], legend: Sequence[Tuple[str, np.ndarray]]
) -> Image.Image:
    """Draws the sheet.

    Args:
        tiles: name, image and coloured mask, uint8 [H, W, 3] both.
        legend: name and colour, uint8 [3], of each class.

    Returns:
        An RGB image.
    """
    font = ImageFont.load_default(13)
    pairs = [_pair(tile, font) for tile in tiles]
    rows = [pairs[i : i + _PAIRS] for i in range(0, len(pairs), _PAIRS)]
    column = max((pair.width for pair in pairs), default=WIDEST) + _MARGIN
    width = _PAIRS * column + _MARGIN
    classes = _legend(legend[:_MOST_CLASSES], width, font)
    height = sum(max(pair.height for pair in row) for row in rows) + classes.height
    sheet = Image.new("RGB", (width, height + 2 * _MARGIN), "white")
    y = _MARGIN
    for row in rows:
        for place, pair in enumerate(row):
            sheet.paste(pair, (_MARGIN + place * column, y))
        y += max(pair.height for pair in row)
    sheet.paste(classes, (0, y))
    return sheet


def _pair(tile: Tile, font: ImageFont.FreeTypeFont) -> Image.Image:
    name, *pictures = tile
    height, width = pictures[0].shape[:2]
    share = min(HEIGHT / height, WIDEST / width)
    size = max(1, round(width * share)), max(1, round(height * share))
    ways = (Image.Resampling.BILINEAR, Image.Resampling.NEAREST)
    whole = Image.new("RGB", (2 * size[0] + 2, size[1] + _LINE + 2), "white")
    for place, (pixels, way) in enumerate(zip(pictures, ways)):
        small = Image.fromarray(pixels).resize(size, way)
        whole.paste(small, (place * (size[0] + 2), 0))
    draw = ImageDraw.Draw(whole)
    draw.text((0, size[1] + 2), printable(name)[:60], "black", font)
    return whole


def _legend(
    classes: Sequence[Tuple[str, np.ndarray]], width: int, font: ImageFont.FreeTypeFont
) -> Image.Image:
    names = [printable(name)[:40] for name, _ in classes]
    widest = 40 + math.ceil(max(map(font.getlength, names), default=0))
    across = max(1, width // widest)
    down = math.ceil(len(names) / across)
    whole = Image.new("RGB", (width, down * _LINE + _MARGIN), "white")
    draw = ImageDraw.Draw(whole)
    for number, (name, (_, colour)) in enumerate(zip(names, classes)):
        x, y = number // down * widest + _MARGIN, number % down * _LINE
        box: List[int] = [x, y + 3, x + 22, y + 16]
        draw.rectangle(box, tuple(map(int, colour)), outline="grey")
        draw.text((x + 28, y + 1), name, "black", font)
    return whole
