"""Charts for people, drawn with Pillow: lines and bars with whiskers.

Everything is drawn four times as large as it is shown and then reduced twofold, for
smooth lines and a picture that stays sharp on dense screens. The same input gives the
same picture everywhere, since the only font is the one inside Pillow.
"""

from __future__ import annotations

import dataclasses
import math
import os
import pathlib
from typing import Iterable, List, Optional, Sequence, Tuple

from PIL import Image

from mixdmt_tf.experiments.canvas import Canvas, nice_ticks, shown

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
_INK, _FAINT, _GRID = (40, 40, 40), (110, 110, 110), (226, 226, 226)
_LEFT, _TOP, _BOTTOM = 60, 78, 78
_LEGEND = 190  # width, right of the plot
Colour = Tuple[int, int, int]


@dataclasses.dataclass(frozen=True)
class Point:
    """One number of a chart.

    Attributes:
        x: the place; in a bar chart the index of the group.
        y: the number.
        std: half the length of the whisker, None for no whisker.
    """

    x: float
    y: float
    std: Optional[float] = None


@dataclasses.dataclass(frozen=True)
class Series:
    """Numbers of one colour.

    Attributes:
        label: for the legend.
        points: ours; in a line chart ascending by x.
        published: numbers of a paper, shown hollow or as dashes.
    """

    label: str
    points: Sequence[Point]
    published: Sequence[Point] = ()


def line_chart(
    series: Sequence[Series],
    title: str,
    x_label: str,
    y_label: str,
    *,
    x_ticks: Sequence[float] = (),
    log_x: bool = False,
    y_range: Optional[Tuple[float, float]] = None,
) -> Image.Image:
    """Lines with a mark at each point; published numbers hollow on dashed lines.

    Args:
        series: in the order of the legend.
        title: above the chart.
        x_label: below the x axis, with the unit.
        y_label: above the y axis, with the unit.
        x_ticks: places of the marks on the x axis; round numbers if not given.
        log_x: a logarithmic x axis, for positive places.
        y_range: ends of the y axis; by the numbers if not given, from 0 if 0 is near.

    Returns:
        The picture, RGB; `numpy.asarray` makes uint8 [height, width, 3] of it.
    """
    places = [point.x for each in series for point in [*each.points, *each.published]]
    places = [*places, *x_ticks] or [0.0, 1.0]
    if not x_ticks:
        x_ticks = sorted(set(places)) if log_x else nice_ticks(min(places), max(places))
    chart = _Chart(series, title, x_label, y_label, y_range, zero=False)
    chart.x_axis(min([*places, *x_ticks]), max([*places, *x_ticks]), log_x)
    for tick in x_ticks:
        chart.x_tick(chart.x(tick), shown(tick))
    # Side by side, where whiskers would hide one another.
    apart = 5.0 if any(point.std for each in series for point in each.points) else 0.0
    asides = [apart * (number - (len(series) - 1) / 2) for number in range(len(series))]
    # What is published lies below what was measured here.
    for colour, aside, each in zip(chart.colours, asides, series):
        corners = [(chart.x(p.x) + aside, chart.y(p.y)) for p in each.published]
        chart.canvas.line(corners, _pale(colour), 1.5, dashed=True)
        for corner, point in zip(corners, each.published):
            chart.whisker(corner[0], point, _pale(colour))
            chart.canvas.disc(corner, 4.5, colour, hollow=True)
    for colour, aside, each in zip(chart.colours, asides, series):
        corners = [(chart.x(p.x) + aside, chart.y(p.y)) for p in each.points]
        chart.canvas.line(corners, colour, 2.5)
        for corner, point in zip(corners, each.points):
            chart.whisker(corner[0], point, colour)
            chart.canvas.disc(corner, 4.5, colour)
    return chart.finish(round_marks=True)


def bar_chart(
    series: Sequence[Series],
    groups: Sequence[str],
    title: str,
    x_label: str,
    y_label: str,
    *,
    y_range: Optional[Tuple[float, float]] = None,
) -> Image.Image:
    """Groups of bars with the number above each; published numbers as dashes.

    Args:
        series: one bar in each group; `Point.x` is the index of the group.
        groups: what is written below them.
        title: above the chart.
        x_label: below the groups.
        y_label: above the y axis, with the unit.
        y_range: ends of the y axis; from 0 to what is needed if not given.

    Returns:
        The picture, RGB; `numpy.asarray` makes uint8 [height, width, 3] of it.
    """
    chart = _Chart(series, title, x_label, y_label, y_range, zero=True)
    room = (chart.right - _LEFT) / max(len(groups), 1)
    width = min(0.82 * room / max(len(series), 1), 64.0)
    for index, group in enumerate(groups):
        chart.x_tick(_LEFT + (index + 0.5) * room, group, room - 6, mark=False)
    for number, (colour, each) in enumerate(zip(chart.colours, series)):

        def middle(point: Point, number: int = number) -> float:
            aside = (number - (len(series) - 1) / 2) * width
            return _LEFT + (point.x + 0.5) * room + aside

        for point in each.points:
            x, y = middle(point), chart.y(point.y)
            chart.canvas.box(x - 0.44 * width, y, x + 0.44 * width, chart.y(0), colour)
            chart.whisker(x, point, _INK)
            if width >= 26:
                top = chart.y(point.y + (point.std or 0.0))
                chart.canvas.text((x, top - 3), shown(point.y, 1), 11, _INK, "mb")
        for point in each.published:
            x, y = middle(point), chart.y(point.y)
            ends = [(x - 0.5 * width, y), (x + 0.5 * width, y)]
            chart.canvas.line(ends, (255, 255, 255), 5)
            chart.canvas.line(ends, _INK, 2.5)
    return chart.finish(round_marks=False)


def save(image: Image.Image, path: pathlib.Path) -> None:
    """Writes a PNG beside its place and renames it into place."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        image.save(beside, "png")
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


class _Chart:
    """Frame, axes and legend; from numbers to places on the canvas."""

    def __init__(
        self,
        series: Sequence[Series],
        title: str,
        x_label: str,
        y_label: str,
        y_range: Optional[Tuple[float, float]],
        zero: bool,
    ):
        self.series = series
        self.colours = [COLOURS[n % len(COLOURS)] for n in range(len(series))]
        self.right, self.low = WIDTH - _LEGEND - 24, HEIGHT - _BOTTOM
        self.canvas = Canvas(WIDTH, HEIGHT)
        self.canvas.text((16, 28), title, 19, _INK, "ls", WIDTH - 32)
        self.canvas.text((16, _TOP - 18), y_label, 13, _FAINT, "ls")
        middle = (_LEFT + self.right) / 2
        self.canvas.text((middle, HEIGHT - 16), x_label, 13, _FAINT, "ms")
        ticks = self._y_ticks(y_range, zero)
        self._bottom, self._top = y_range or (ticks[0], ticks[-1])
        for tick in ticks:
            y = self.y(tick)
            self.canvas.line([(_LEFT, y), (self.right, y)], _GRID, 1)
            self.canvas.text((_LEFT - 8, y), shown(tick), 13, _INK, "rm")
        self.canvas.line([(_LEFT, self.low), (self.right, self.low)], _INK, 1.5)

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
        return _LEFT + 24 + share * (self.right - _LEFT - 48)

    def y(self, value: float) -> float:
        """Place of a number on the y axis; what lies beyond its ends is put there."""
        share = (value - self._bottom) / ((self._top - self._bottom) or 1.0)
        return self.low - min(max(share, 0.0), 1.0) * (self.low - _TOP)

    def x_tick(
        self, x: float, text: str, room: float = 80.0, mark: bool = True
    ) -> None:
        """A number or words below the x axis."""
        if mark:
            self.canvas.line([(x, self.low), (x, self.low + 5)], _INK, 1.5)
        size = 13 if room >= 80 else 11
        self.canvas.text((x, self.low + 20), text, size, _INK, "ms", room)

    def whisker(self, x: float, point: Point, colour: Colour) -> None:
        """One standard deviation up and down."""
        if point.std:
            low, high = self.y(point.y - point.std), self.y(point.y + point.std)
            self.canvas.line([(x, low), (x, high)], colour, 1.5)
            for y in (low, high):
                self.canvas.line([(x - 4, y), (x + 4, y)], colour, 1.5)

    def finish(self, round_marks: bool) -> Image.Image:
        """Adds the legend and reduces the picture."""
        x, y = self.right + 30, _TOP + 4
        for colour, each in zip(self.colours, self.series):
            if round_marks:
                self.canvas.line([(x, y), (x + 22, y)], colour, 2.5)
                self.canvas.disc((x + 11, y), 4.5, colour)
            else:
                self.canvas.box(x + 4, y - 7, x + 18, y + 7, colour)
            place = (x + 32, y + 4.5)
            y = self.canvas.text(place, each.label, 13, _INK, "ls", _LEGEND - 44) + 20
        if any(each.published for each in self.series):
            y += 6
            if round_marks:
                ends = [(x, y), (x + 22, y)]
                self.canvas.line(ends, _pale(_FAINT), 1.5, dashed=True)
                self.canvas.disc((x + 11, y), 4.5, _FAINT, hollow=True)
            else:
                self.canvas.line([(x, y), (x + 22, y)], _INK, 2.5)
            y = self.canvas.text((x + 32, y + 4.5), "published", 13, _INK, "ls") + 20
        points = [p for each in self.series for p in [*each.points, *each.published]]
        if any(point.std for point in points):
            note = "whiskers: one standard deviation"
            self.canvas.text((x, y + 10), note, 11, _FAINT, "ls", _LEGEND - 10)
        if not points:
            middle = ((_LEFT + self.right) / 2, (_TOP + self.low) / 2)
            self.canvas.text(middle, "no numbers yet", 16, _FAINT, "mm")
        return self.canvas.reduced()


def _heights(series: Iterable[Series]) -> Iterable[float]:
    for each in series:
        for point in [*each.points, *each.published]:
            yield point.y - (point.std or 0.0)
            yield point.y + (point.std or 0.0)


def _pale(colour: Colour) -> Colour:
    red, green, blue = (round(0.5 * (channel + 255)) for channel in colour)
    return red, green, blue
