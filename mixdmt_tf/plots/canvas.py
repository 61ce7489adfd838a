"""Lines, boxes and text on a picture, drawn large and reduced at the end."""

from __future__ import annotations

import functools
import math
from typing import List, Sequence, Tuple

from PIL import Image, ImageDraw, ImageFont

# Pixels per unit, while drawing and in the finished picture.
_DRAWN, _KEPT = 4, 2
# Pillow's own font has Latin letters only.
_LATIN = str.maketrans(
    {
        "\u2010": "-",
        "\u2011": "-",
        "\u2012": "-",
        "\u2013": "-",
        "\u2014": "-",
        "\u2212": "-",
        "\u00d7": "x",
        "\u00b2": "2",
        "\u2192": "->",
        "\u03a0": "Pi",
        "\u03c0": "pi",
        "\u03bb": "lambda",
        "\u03bc": "mu",
        "\u00b5": "mu",
        "\u03b7": "eta",
        "\u03b3": "gamma",
        "\u03b1": "alpha",
        "\u03b2": "beta",
        "\u03c3": "sigma",
    }
)

Colour = Tuple[int, int, int]
Place = Tuple[float, float]


class Canvas:
    """A white picture; places are measured from its upper left corner.

    A unit is two pixels of the finished picture and four while it is drawn.
    """

    def __init__(self, width: int, height: int):
        """Takes its size in units."""
        self._image = Image.new(
            "RGB", (width * _DRAWN, height * _DRAWN), (255, 255, 255)
        )
        self._draw = ImageDraw.Draw(self._image)

    def line(
        self,
        corners: Sequence[Place],
        colour: Colour,
        width: float,
        dashed: bool = False,
    ) -> None:
        """A line through some places; nothing for fewer than two."""
        pieces = _dashes(corners) if dashed else [list(corners)]
        for piece in pieces:
            if len(piece) > 1:
                pixels = [(x * _DRAWN, y * _DRAWN) for x, y in piece]
                self._draw.line(pixels, colour, round(width * _DRAWN), "curve")

    def disc(
        self, place: Place, radius: float, colour: Colour, hollow: bool = False
    ) -> None:
        """A filled circle with a thin white rim; a ring if it is hollow."""
        if hollow:
            self._circle(place, radius + 0.5, colour)
            self._circle(place, radius - 1.5, (255, 255, 255))
        else:
            self._circle(place, radius + 1, (255, 255, 255))
            self._circle(place, radius, colour)

    def _circle(self, place: Place, radius: float, colour: Colour) -> None:
        (x, y), r = place, radius
        corners = [each * _DRAWN for each in (x - r, y - r, x + r, y + r)]
        self._draw.ellipse(corners, colour)

    def box(
        self, left: float, top: float, right: float, bottom: float, colour: Colour
    ) -> None:
        """A filled rectangle, with two opposite corners in any order."""
        xs, ys = sorted((left, right)), sorted((top, bottom))
        corners = [each * _DRAWN for each in (xs[0], ys[0], xs[1], ys[1])]
        self._draw.rectangle(corners, colour)

    def text(
        self,
        place: Place,
        text: str,
        size: float,
        colour: Colour,
        anchor: str,
        room: float = math.inf,
    ) -> float:
        """Writes a text, in several lines if it needs more than its room.

        Args:
            place: where its anchor goes, that of the first line.
            text: letters the font lacks are written out: lambda.
            size: height in units.
            colour: of the letters.
            anchor: Pillow's two letters: l, m, r and a, m, s, b.
            room: width in units.

        Returns:
            y of the last line.
        """
        font = _font(round(size * _DRAWN))
        x, y = place
        lines = _wrapped(text.translate(_LATIN), font, room * _DRAWN)
        for number, line in enumerate(lines):
            y = place[1] + number * 1.2 * size
            self._draw.text((x * _DRAWN, y * _DRAWN), line, colour, font, anchor)
        return y

    def reduced(self) -> Image.Image:
        """The finished picture, RGB."""
        size = [each * _KEPT // _DRAWN for each in self._image.size]
        return self._image.resize((size[0], size[1]), Image.Resampling.LANCZOS)


def nice_ticks(low: float, high: float, most: int = 7) -> List[float]:
    """Round numbers at equal distances, the first <= low and the last >= high."""
    if high - low < 1e-9 * max(abs(low), abs(high), 1.0):
        low, high = low - 0.5, high + 0.5
    rough = (high - low) / (most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    for factor in (1, 2, 2.5, 5, 10):
        step = factor * power
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first < most:
            break
    return [round(number * step, 12) for number in range(first, last + 1)]


def shown(number: float, decimals: int = 12) -> str:
    """A number without needless zeros: 4,000, 0.25."""
    text = f"{number:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals > 1 else text


@functools.lru_cache(maxsize=None)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def _wrapped(text: str, font: ImageFont.FreeTypeFont, room: float) -> List[str]:
    """Lines that fit; a word that doesn't has a line of its own."""
    lines: List[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines or [""]


def _dashes(corners: Sequence[Place], on: float = 6, off: float = 4) -> List[List]:
    """Short pieces along a line; the pattern goes on around corners."""
    pieces: List[List[Place]] = []
    walked = 0.0
    for (x0, y0), (x1, y1) in zip(corners, corners[1:]):
        length = math.hypot(x1 - x0, y1 - y0)
        start = -(walked % (on + off))
        while start < length:
            ends = [max(start, 0.0), min(start + on, length)]
            if ends[0] < ends[1]:
                shares = [end / length for end in ends]
                pieces.append(
                    [(x0 + s * (x1 - x0), y0 + s * (y1 - y0)) for s in shares]
                )
            start += on + off
        walked += length
    return pieces
