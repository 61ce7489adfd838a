"""Contact sheets: small pictures side by side with a few words below each."""

from __future__ import annotations

from typing import Sequence, Tuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mixdmt_tf.data.band_files import seen
from mixdmt_tf.data.image_files import printable

SIDE, GAP, LINE, FONT = 128, 8, 15, 12  # pixels: pictures, space, text


def thumbnail(picture: Image.Image) -> Image.Image:
    """Resizes a picture for a sheet; tiny ones are enlarged without smoothing."""
    share = SIDE / max(picture.size)
    size = tuple(max(1, round(share * side)) for side in picture.size)
    how = Image.Resampling.NEAREST if share >= 2 else Image.Resampling.BILINEAR
    return picture.convert("RGB").resize(size, how, reducing_gap=2.0)


def of_array(image: np.ndarray) -> Image.Image:
    """Converts an array, uint8 [H, W, C], to a picture."""
    return Image.fromarray(seen(image))


def sheet(
    pictures: Sequence[Image.Image],
    captions: Sequence[Sequence[str]],
    columns: int = 8,
) -> np.ndarray:
    """Arranges pictures in a grid.

    Args:
        pictures: pictures of any size.
        captions: lines of text below each picture; long lines are shortened.
        columns: pictures in a row.

    Returns:
        uint8 [H, W, 3].

    Raises:
        ValueError: if there are no pictures, or a different number of captions.
    """
    if not pictures or len(pictures) != len(captions):
        raise ValueError(f"{len(pictures)} pictures, {len(captions)} captions")
    font = ImageFont.load_default(FONT)
    lines = max(map(len, captions))
    width, height = SIDE + GAP, SIDE + lines * LINE + GAP
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    whole = Image.new("RGB", (columns * width + GAP, rows * height + GAP), "white")
    draw = ImageDraw.Draw(whole)
    for place, (picture, words) in enumerate(zip(pictures, captions)):
        left, top = place % columns * width + GAP, place // columns * height + GAP
        small = thumbnail(picture)
        middle = left + (SIDE - small.width) // 2, top + (SIDE - small.height) // 2
        whole.paste(small, middle)
        for line, text in enumerate(words):
            position: Tuple[int, int] = (left, top + SIDE + line * LINE)
            draw.text(position, shortened(text, font), "black", font)
    return np.asarray(whole)


def shortened(text: str, font: ImageFont.FreeTypeFont) -> str:
    """Shortens a line to fit below a picture; keeps the end, as for paths."""
    text = printable(text)
    if font.getlength(text) <= SIDE:
        return text
    while text and font.getlength(f"...{text}") > SIDE:
        text = text[1:]
    return f"...{text}"
