"""Line and bar charts with error bars, drawn with matplotlib in one style.

A chart is described by a dataclass and drawn by `draw` or `image`. The style is
`plots.mplstyle` and the font matplotlib's own DejaVu Sans, so the same data give the
same pixels whatever the user's `matplotlibrc` says. pyplot and its global state are not
used, and matplotlib is imported when a chart is drawn.
"""

from __future__ import annotations

import dataclasses
import pathlib
import textwrap
from typing import TYPE_CHECKING, Any, List, Optional, Sequence, Tuple

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The lightness (CIE L*) of any two differs by 7 or more, so they can be told apart in
# grey and with every kind of colour blindness; hues after Okabe and Ito (2008).
COLORS = "#0072b2 #e69f00 #2c1150 #d55e00 #00604d #9bd3f5 #70200c #cf7fab".split()
GREY = "#6e6e6e"
DPI = 200
_INK = "#282828"
_MARKERS = "os^DvPX*<>p"  # more than colours, so that the pairs differ for long
_LINES = (("-", "--"), ("-.", ":"))  # ours and published, for each use of a colour
_HATCHES = " // .. \\\\ xx -- || ++ oo ** OO".split(" ")
_HEIGHT, _STACKED_HEIGHT = 5.0, 3.1  # inches: of one chart, of each of several


@dataclasses.dataclass(frozen=True)
class Point:
    """One value in a chart.

    Attributes:
        x: position; in a bar chart the index of the group.
        y: the value.
        std: standard deviation, drawn as an error bar; None for no error bar.
        hollow: draws a hollow marker, in a line chart.
    """

    x: float
    y: float
    std: Optional[float] = None
    hollow: bool = False


@dataclasses.dataclass(frozen=True)
class Series:
    """Values of one colour.

    Attributes:
        label: name in the legend, '' for none.
        points: our values; in a line chart ascending by x.
        published: values of a paper: hollow markers on a dashed line, or dashes.
        color: None for the next of `COLORS`.
        marker: of matplotlib, '' for none; None for the next.
        dashed: draws a dashed line.
    """

    label: str
    points: Sequence[Point]
    published: Sequence[Point] = ()
    color: Optional[str] = None
    marker: Optional[str] = None
    dashed: bool = False


@dataclasses.dataclass(frozen=True)
class Chart:
    """Base class of line charts and bar charts.

    Attributes:
        series: in the order of the legend.
        title: above the chart.
        x_label: with the unit, like `y_label`.
    """

    series: Sequence[Series]
    title: str
    x_label: str
    y_label: str
    width = 9.0  # inches

    def _points(self) -> List[Point]:
        return [p for each in self.series for p in [*each.points, *each.published]]

    def _set_y_axis(self, axes: Axes, include: Sequence[float]) -> None:
        """Puts a tick at either end of the y axis, error bars included."""
        from matplotlib.ticker import MaxNLocator

        points = self._points()
        ends = [p.y + sign * (p.std or 0.0) for p in points for sign in (-1, 1)]
        ends = [*ends, *include] or [0.0, 1.0]
        low, high = min(ends), max(ends)
        if high - low < 1e-9 * max(abs(low), abs(high), 1.0):
            low, high = low - 0.5, high + 0.5
        ticks = MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high).round(9)
        axes.set_yticks(ticks, [f"{tick:,.10g}" for tick in ticks])
        axes.set_ylim(ticks[0], ticks[-1])
        if not points:
            axes.text(0.5, 0.5, "no results yet", transform=axes.transAxes, ha="center")

    def _add_legend(self, axes: Axes) -> None:
        """Adds a legend of all labelled series, in their order, right of the axes."""
        order = [each.label for each in self.series]
        entries = [*zip(*axes.get_legend_handles_labels())]
        if entries:
            handles, labels = zip(*sorted(entries, key=lambda e: order.index(e[1])))
            labels = [textwrap.fill(label, 30) for label in labels]
            axes.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.01, 1.0))

    def _set_labels(self, axes: Axes, published: str, note: str = "") -> None:
        """Sets title and axis labels, and explains the symbols below the x axis."""
        notes = [published] if any(each.published for each in self.series) else []
        if any(point.std for point in self._points()):
            notes.append("error bars: one standard deviation")
        below = [self.x_label, "; ".join(filter(None, [*notes, note]))]
        axes.set_title(textwrap.fill(self.title, 90))
        axes.set_xlabel("\n".join(filter(None, below)))
        # Horizontal and above the axis, where there is room for a long one.
        axes.set_ylabel(self.y_label, rotation=0, ha="left", va="bottom")
        axes.yaxis.set_label_coords(0, 1, axes.transAxes + _shift(axes, 0, 7))


@dataclasses.dataclass(frozen=True)
class LineChart(Chart):
    """Lines with a marker at each point.

    Attributes:
        x_ticks: positions of the ticks on the x axis.
        log_x: makes the x axis logarithmic; positions are positive then.
        y_include: values that the y axis has to include.
        note: below the x axis.
    """

    x_ticks: Sequence[float]
    log_x: bool = False
    y_include: Sequence[float] = ()
    note: str = ""

    def draw_on(self, axes: Axes) -> None:
        """Draws the chart on empty axes."""
        self._set_x_axis(axes)
        self._set_y_axis(axes, self.y_include)
        hollow = {"markerfacecolor": "white", "zorder": 2.5}
        # Side by side where error bars would hide one another.
        spread = any(point.std for each in self.series for point in each.points)
        apart = min(4.0, 24.0 / len(self.series)) if spread else 0.0  # points
        for n, each in enumerate(self.series):
            shift = _shift(axes, apart * (n - (len(self.series) - 1) / 2), 0)
            marker = _MARKERS[n % len(_MARKERS)] if each.marker is None else each.marker
            ours, published = _LINES[0 if each.color else n // len(COLORS) % 2]
            color = each.color or COLORS[n % len(COLORS)]
            place = {"transform": axes.transData + shift, "clip_on": False}
            style = {"color": color, "marker": marker, **place}
            if each.published:
                style["label"] = "" if each.points else each.label
                thin = {"linestyle": published, "linewidth": 1.0, **hollow}
                axes.errorbar(*_arrays(each.published), **style, **thin)
            if each.points:
                line = {"linestyle": "--" if each.dashed else ours, "label": each.label}
                axes.errorbar(*_arrays(each.points), **{**style, **line})
            few = [point for point in each.points if point.hollow]
            if few:
                axes.plot(*_arrays(few)[:2], **style, **hollow, linestyle="none")
        if not self._label_line_ends(axes, 12 + apart * (len(self.series) - 1) / 2):
            self._add_legend(axes)
        self._set_labels(axes, "hollow: published", self.note)

    def _set_x_axis(self, axes: Axes) -> None:
        """Sets scale and ticks, and leaves some space on either side."""
        axes.set_xscale("log" if self.log_x else "linear")
        axes.set_xticks(self.x_ticks, [f"{x:,.10g}" for x in self.x_ticks])
        axes.minorticks_off()
        values = [*self.x_ticks, *(p.x for p in self._points())] or [1.0]
        scale = axes.xaxis.get_transform()
        low, high = scale.transform([min(values), max(values)])
        margin = 0.04 * (high - low) or 0.5
        axes.set_xlim(scale.inverted().transform([low - margin, high + margin]))

    def _label_line_ends(self, axes: Axes, gap: float) -> bool:
        """Writes labels beside the lines' right ends; False if they would overlap."""
        if not all(each.label and each.points for each in self.series):
            return False
        ends = [each.points[-1] for each in self.series]
        low, high = axes.get_ylim()
        text_height = (high - low) * 14 / (72 * 0.6 * _STACKED_HEIGHT)
        apart = np.diff(sorted(end.y for end in ends))
        if len({end.x for end in ends}) > 1 or (apart < text_height).any():
            return False
        beside = {"xytext": (gap, 0), "textcoords": "offset points", "va": "center"}
        for each, end in zip(self.series, ends):
            axes.annotate(each.label, (end.x, end.y), **beside, annotation_clip=False)
        return True


@dataclasses.dataclass(frozen=True)
class BarChart(Chart):
    """Groups of bars with the value above each; one bar of each series in a group.

    Attributes:
        groups: their names.
    """

    groups: Sequence[str]

    @property
    def width(self) -> float:
        """Width in inches, with room for values above the bars and names of groups."""
        longest = max(map(len, " ".join(self.groups).split()), default=0)
        group = max(0.3 * (len(self.series) + 0.5), 0.09 * longest)
        return max(9.0, self._margin() + len(self.groups) * group)

    def _margin(self) -> float:
        return 2.6 if len(self.series) > 1 else 0.6  # inches, with or without legend

    def draw_on(self, axes: Axes) -> None:
        """Draws the chart on empty axes."""
        from matplotlib.patheffects import withStroke

        halo = {"path_effects": [withStroke(linewidth=3.5, foreground="white")]}
        room = (self.width - self._margin()) * 72 / max(len(self.groups), 1)  # points
        wrap = textwrap.TextWrapper(max(8, int(room / 7)), break_long_words=False)
        names = [wrap.fill(name) for name in self.groups]
        axes.set_xticks(range(len(names)), names)
        axes.set_xlim(-0.5, max(len(names), 1) - 0.5)
        axes.tick_params(axis="x", length=0)
        highest = max((p.y + (p.std or 0.0) for p in self._points()), default=0.0)
        self._set_y_axis(axes, [0.0, 1.1 * highest])  # the value above the bar
        width = min(0.84 / max(len(self.series), 1), 0.6)
        for n, each in enumerate(self.series):
            aside = (n - (len(self.series) - 1) / 2) * width
            color = each.color or COLORS[n % len(COLORS)]
            x, y, std = _arrays(each.points)
            bars = axes.bar(
                *(x + aside, y, 0.94 * width),
                error_kw={"ecolor": _INK, "capsize": 0, "zorder": 3.5},
                **{"yerr": std, "color": color, "hatch": _HATCHES[n % len(_HATCHES)]},
                label=each.label if each.points else "",
            )
            for line in bars.errorbar.get_children() if bars.errorbar else ():
                line.set(**halo)  # visible on dark bars
            text = {"padding": 3, "rotation": 90 if width * room < 26 else 0, **halo}
            axes.bar_label(bars, fmt="%.1f", fontsize=8.5, zorder=4, **text)
            x, y, _ = _arrays(each.published)
            left, right = x + aside - width / 2, x + aside + width / 2
            dashes = {"colors": _INK, "linewidth": 2, "zorder": 3, **halo}
            if each.published and not each.points:  # no bar shows their series
                dashes.update(colors=color, linewidth=4, label=each.label)
            axes.hlines(y, left, right, **dashes)
        if len(self.series) > 1:
            self._add_legend(axes)
        self._set_labels(axes, "bars: ours; dashes: published")


def draw(*charts: Chart) -> Figure:
    """Draws charts, one below the other, on a figure with an axes for each."""
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height = _HEIGHT if len(charts) == 1 else _STACKED_HEIGHT * len(charts)
    with style.context(["default", pathlib.Path(__file__).with_suffix(".mplstyle")]):
        figure = Figure((max(chart.width for chart in charts), height), DPI)
        FigureCanvasAgg(figure)
        grid = figure.subplots(len(charts), squeeze=False)
        for chart, axes in zip(charts, grid[:, 0]):
            chart.draw_on(axes)
        figure.canvas.draw()  # matplotlib reads some settings only now
    return figure


def image(*charts: Chart) -> np.ndarray:
    """Draws charts, one below the other: RGB, uint8 [height, width, 3]."""
    return np.array(draw(*charts).canvas.buffer_rgba())[..., :3]


def shades(number: int) -> List[str]:
    """Returns '#rrggbb' colours of viridis for an ordered series, light to dark."""
    from matplotlib import colormaps, colors

    viridis = colormaps["viridis"](np.linspace(0.0, 0.8, number)[::-1])
    return [colors.to_hex(color) for color in viridis]


def _arrays(points: Sequence[Point]) -> Tuple[np.ndarray, np.ndarray, Any]:
    """Returns x, y and standard deviation (NaN if missing; None if all are)."""
    rows = [(point.x, point.y, point.std or np.nan) for point in points]
    x, y, std = np.array(rows, float).reshape(-1, 3).T
    return x, y, None if np.isnan(std).all() else std


def _shift(axes: Axes, x: float, y: float) -> Any:
    from matplotlib.transforms import ScaledTranslation  # points are 1/72 inch

    return ScaledTranslation(x / 72, y / 72, axes.figure.dpi_scale_trans)
