"""What all charts have: data, frame, axes, legend; from numbers to places."""

from __future__ import annotations

import dataclasses
import math
from typing import Iterable, List, Optional, Sequence, Tuple

from PIL import Image

from mixdmt_tf.plots.canvas import Canvas, nice_ticks, shown

WIDTH, HEIGHT = 900, 500  # in the canvas's units
# Distinguishable with every kind of colour blindness: Okabe and Ito 2008, yellow left
# out because it fades on white.
COLOURS = (
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (86, 180, 233),
    (110, 110, 110),
    (120, 70, 20),
)
INK, _FAINT, _GRID = (40, 40, 40), (110, 110, 110), (226, 226, 226)
LEFT, _TOP, _BOTTOM = 60, 78, 78
_LEGEND = 190  # width, right of the plot
Colour = Tuple[int, int, int]


@dataclasses.dataclass(frozen=True)
class Point:
    """One number of a chart.

    Attributes:
        x: the place; in a bar chart the index of the group.
        y: the number.
        std: half the length of the whisker, None for no whisker.
        hollow: a ring instead of a disc, in a line chart.
    """

    x: float
    y: float
    std: Optional[float] = None
    hollow: bool = False


@dataclasses.dataclass(frozen=True)
class Series:
    """Numbers of one colour.

    Attributes:
        label: for the legend; '' is not in it.
        points: ours; in a line chart ascending by x.
        published: numbers of a paper, shown hollow or as dashes.
        colour: None for the next of `COLOURS`.
        dashed: a dashed line.
        marks: whether each point has a mark, in a line chart.
    """

    label: str
    points: Sequence[Point]
    published: Sequence[Point] = ()
    colour: Optional[Colour] = None
    dashed: bool = False
    marks: bool = True


class Frame:
    """Frame, axes and legend; from numbers to places on the canvas."""

    def __init__(
        self,
        series: Sequence[Series],
        title: str,
        x_label: str,
        y_label: str,
        y_range: Optional[Tuple[float, float]],
        zero: bool,
        height: int = HEIGHT,
    ):
        """Arguments of the charts; `zero` is true if y begins at 0 or has it."""
        self.series = series
        self.colours = [
            each.colour or COLOURS[n % len(COLOURS)] for n, each in enumerate(series)
        ]
        self.right, self.low = WIDTH - _LEGEND - 24, height - _BOTTOM
        self.canvas = Canvas(WIDTH, height)
        self.canvas.text((16, 28), title, 19, INK, "ls", WIDTH - 32)
        self.canvas.text((16, _TOP - 18), y_label, 13, _FAINT, "ls")
        middle = (LEFT + self.right) / 2
        self.canvas.text((middle, height - 16), x_label, 13, _FAINT, "ms")
        ticks = self._y_ticks(y_range, zero)
        self._bottom, self._top = y_range or (ticks[0], ticks[-1])
        for tick in ticks:
            y = self.y(tick)
            self.canvas.line([(LEFT, y), (self.right, y)], _GRID, 1)
            self.canvas.text((LEFT - 8, y), shown(tick), 13, INK, "rm")
        self.canvas.line([(LEFT, self.low), (self.right, self.low)], INK, 1.5)

    def _y_ticks(
        self, y_range: Optional[Tuple[float, float]], zero: bool
    ) -> List[float]:
        if y_range is not None:
            ticks = nice_ticks(*y_range)
            return [tick for tick in ticks if y_range[0] <= tick <= y_range[1]]
        heights = list(_heights(self.series)) or [0.0, 1.0]
        low, high = min(heights), max(heights)
        # Lengths of bars are compared, so they begin at 0.
        if zero or 0 <= low < 0.5 * high:
            low = min(low, 0.0)
        return nice_ticks(low, max(high, 0.0) if zero else high)

    def x_axis(self, low: float, high: float, log: bool) -> None:
        """Sets the scale of x."""
        self._log = log
        self._left_end, self._right_end = self._scaled(low), self._scaled(high)

    def _scaled(self, x: float) -> float:
        return math.log(x) if self._log else float(x)

    def x(self, value: float) -> float:
        """Place of a number on the x axis."""
        span = self._right_end - self._left_end
        share = (self._scaled(value) - self._left_end) / span if span else 0.5
        return LEFT + 24 + share * (self.right - LEFT - 48)

    def y(self, value: float) -> float:
        """Place of a number on the y axis; what lies beyond its ends is put there."""
        share = (value - self._bottom) / ((self._top - self._bottom) or 1.0)
        return self.low - min(max(share, 0.0), 1.0) * (self.low - _TOP)

    def x_tick(
        self, x: float, text: str, room: float = 80.0, mark: bool = True
    ) -> None:
        """A number or words below the x axis."""
        if mark:
            self.canvas.line([(x, self.low), (x, self.low + 5)], INK, 1.5)
        size = 13 if room >= 80 else 11
        self.canvas.text((x, self.low + 20), text, size, INK, "ms", room)

    def whisker(self, x: float, point: Point, colour: Colour) -> None:
        """One standard deviation up and down."""
        if point.std:
            low, high = self.y(point.y - point.std), self.y(point.y + point.std)
            self.canvas.line([(x, low), (x, high)], colour, 1.5)
            for y in (low, high):
                self.canvas.line([(x - 4, y), (x + 4, y)], colour, 1.5)

    def finish(self, round_marks: bool, note: str = "") -> Image.Image:
        """Adds the legend and reduces the picture."""
        x, y = self.right + 30, _TOP + 4
        for colour, each in zip(self.colours, self.series):
            if not each.label:
                continue
            if round_marks:
                more = 2 if each.dashed else 0  # three whole dashes
                ends = [(x - more, y), (x + 22 + more, y)]
                self.canvas.line(ends, colour, 2.5, dashed=each.dashed)
                if each.marks:
                    self.canvas.disc((x + 11, y), 4.5, colour)
            else:
                self.canvas.box(x + 4, y - 7, x + 18, y + 7, colour)
            place = (x + 32, y + 4.5)
            y = self.canvas.text(place, each.label, 13, INK, "ls", _LEGEND - 44) + 20
        if any(each.published for each in self.series):
            y += 6
            if round_marks:
                ends = [(x, y), (x + 22, y)]
                self.canvas.line(ends, pale(_FAINT), 1.5, dashed=True)
                self.canvas.disc((x + 11, y), 4.5, _FAINT, hollow=True)
            else:
                self.canvas.line([(x, y), (x + 22, y)], INK, 2.5)
            y = self.canvas.text((x + 32, y + 4.5), "published", 13, INK, "ls") + 20
        points = [p for each in self.series for p in [*each.points, *each.published]]
        if any(point.std for point in points):
            words = "whiskers: one standard deviation"
            place = (x, y + 10)
            y = self.canvas.text(place, words, 11, _FAINT, "ls", _LEGEND - 10) + 8
        if note:
            self.canvas.text((x, y + 10), note, 11, _FAINT, "ls", _LEGEND - 10)
        if not points:
            middle = ((LEFT + self.right) / 2, (_TOP + self.low) / 2)
            self.canvas.text(middle, "no numbers yet", 16, _FAINT, "mm")
        return self.canvas.reduced()


def _heights(series: Iterable[Series]) -> Iterable[float]:
    for each in series:
        for point in [*each.points, *each.published]:
            yield point.y - (point.std or 0.0)
            yield point.y + (point.std or 0.0)


def pale(colour: Colour) -> Colour:
    """Half way to white."""
    red, green, blue = (round(0.5 * (channel + 255)) for channel in colour)
    return red, green, blue
