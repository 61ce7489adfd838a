"""Charts for people, drawn with Pillow: lines and bars with whiskers.

Everything is drawn four times as large as it is shown and then reduced twofold, for
smooth lines and a picture that stays sharp on dense screens. The same input gives the
same picture everywhere, since the only font is the one inside Pillow.
"""

from __future__ import annotations

import os
import pathlib
from typing import List, Optional, Sequence, Tuple

from PIL import Image

from mixdmt_tf.plots.canvas import nice_ticks, shown
from mixdmt_tf.plots.chart_frame import (
    COLOURS,
    HEIGHT,
    INK,
    LEFT,
    WIDTH,
    Colour,
    Frame,
    Point,
    Series,
    pale,
)

__all__ = ["COLOURS", "HEIGHT", "WIDTH", "Point", "Series"]
__all__ += ["bar_chart", "below_one_another", "line_chart", "save", "shades"]

# From pale to dark and through the hues of viridis, so that an order is seen and
# neighbours differ, with every kind of colour blindness and in grey.
_SHADES = ((143, 215, 68), (53, 183, 121), (33, 145, 140), (59, 82, 139), (68, 1, 84))


def line_chart(
    series: Sequence[Series],
    title: str,
    x_label: str,
    y_label: str,
    *,
    x_ticks: Sequence[float] = (),
    log_x: bool = False,
    y_range: Optional[Tuple[float, float]] = None,
    height: int = HEIGHT,
    note: str = "",
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
        height: of the whole, in the canvas's units.
        note: small, below the legend.

    Returns:
        The picture, RGB; `numpy.asarray` makes uint8 [height, width, 3] of it.
    """
    places = [point.x for each in series for point in [*each.points, *each.published]]
    places = [*places, *x_ticks] or [0.0, 1.0]
    if not x_ticks:
        x_ticks = sorted(set(places)) if log_x else nice_ticks(min(places), max(places))
    chart = Frame(series, title, x_label, y_label, y_range, zero=False, height=height)
    chart.x_axis(min([*places, *x_ticks]), max([*places, *x_ticks]), log_x)
    for tick in x_ticks:
        chart.x_tick(chart.x(tick), shown(tick))
    # Side by side, where whiskers would hide one another.
    apart = 5.0 if any(point.std for each in series for point in each.points) else 0.0
    asides = [apart * (number - (len(series) - 1) / 2) for number in range(len(series))]
    # What is published lies below what was measured here.
    for colour, aside, each in zip(chart.colours, asides, series):
        corners = [(chart.x(p.x) + aside, chart.y(p.y)) for p in each.published]
        chart.canvas.line(corners, pale(colour), 1.5, dashed=True)
        for corner, point in zip(corners, each.published):
            chart.whisker(corner[0], point, pale(colour))
            chart.canvas.disc(corner, 4.5, colour, hollow=True)
    for colour, aside, each in zip(chart.colours, asides, series):
        corners = [(chart.x(p.x) + aside, chart.y(p.y)) for p in each.points]
        chart.canvas.line(corners, colour, 2.5, dashed=each.dashed)
        for corner, point in zip(corners, each.points):
            chart.whisker(corner[0], point, colour)
            if each.marks:
                chart.canvas.disc(corner, 4.5, colour, hollow=point.hollow)
    return chart.finish(round_marks=True, note=note)


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
    chart = Frame(series, title, x_label, y_label, y_range, zero=True)
    room = (chart.right - LEFT) / max(len(groups), 1)
    width = min(0.82 * room / max(len(series), 1), 64.0)
    for index, group in enumerate(groups):
        chart.x_tick(LEFT + (index + 0.5) * room, group, room - 6, mark=False)
    for number, (colour, each) in enumerate(zip(chart.colours, series)):

        def middle(point: Point, number: int = number) -> float:
            aside = (number - (len(series) - 1) / 2) * width
            return LEFT + (point.x + 0.5) * room + aside

        for point in each.points:
            x, y = middle(point), chart.y(point.y)
            chart.canvas.box(x - 0.44 * width, y, x + 0.44 * width, chart.y(0), colour)
            chart.whisker(x, point, INK)
            if width >= 26:
                top = chart.y(point.y + (point.std or 0.0))
                chart.canvas.text((x, top - 3), shown(point.y, 1), 11, INK, "mb")
        for point in each.published:
            x, y = middle(point), chart.y(point.y)
            ends = [(x - 0.5 * width, y), (x + 0.5 * width, y)]
            chart.canvas.line(ends, (255, 255, 255), 5)
            chart.canvas.line(ends, INK, 2.5)
    return chart.finish(round_marks=False)


def below_one_another(images: Sequence[Image.Image]) -> Image.Image:
    """One picture of several that are equally wide."""
    whole = Image.new("RGB", (images[0].width, sum(each.height for each in images)))
    y = 0
    for each in images:
        whole.paste(each, (0, y))
        y += each.height
    return whole


def shades(number: int) -> List[Colour]:
    """So many colours for things that have an order, the last one the darkest."""
    found = []
    for i in range(number):
        place = (len(_SHADES) - 1) * (i / (number - 1) if number > 1 else 1.0)
        low = min(int(place), len(_SHADES) - 2)
        pairs = zip(_SHADES[low], _SHADES[low + 1])
        red, green, blue = (round(a + (place - low) * (b - a)) for a, b in pairs)
        found.append((red, green, blue))
    return found


def save(image: Image.Image, path: pathlib.Path) -> None:
    """Writes a PNG beside its place and renames it into place."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        image.save(beside, "png")
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
