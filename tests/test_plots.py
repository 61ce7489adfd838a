"""Charts show what they are given where it belongs."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer

from mixdmt_tf import plots
from mixdmt_tf.plots import COLORS, BarChart, LineChart, Point, Series


@pytest.fixture(autouse=True)
def fixture_few_pixels(monkeypatch):
    monkeypatch.setattr(plots, "DPI", 50)


def bar_chart(*series, groups=("g", "h")):
    return BarChart(series, "T", "x", "y", groups)


def line_chart(*series, ticks=(0, 1, 2), **more):
    return LineChart(series, "T", "x", "y", ticks, **more)


def points(*values, std=None):
    return [Point(x, y, std) for x, y in enumerate(values)]


def axes_of(chart):
    (axes,) = plots.draw(chart).axes
    return axes


def error_bars(axes):
    return [each for each in axes.containers if isinstance(each, ErrorbarContainer)]


def texts(axes):
    return [each.get_text() for each in axes.texts]


def names(axes):
    """Labels of the legend, or those beside the lines."""
    legend = axes.get_legend()
    drawn = axes.texts if legend is None else legend.get_texts()
    return [each.get_text() for each in drawn]


def test_bars_are_as_high_as_their_values_and_say_them():
    axes = axes_of(bar_chart(Series("a", points(20.0, 10.04))))
    assert [bar.get_height() for bar in axes.patches] == [20.0, 10.04]
    assert [bar.get_y() for bar in axes.patches] == [0.0, 0.0]
    assert [bar.get_center()[0] for bar in axes.patches] == [0, 1]
    assert texts(axes) == ["20.0", "10.0"]
    assert [each.get_text() for each in axes.get_xticklabels()] == ["g", "h"]
    assert axes.get_ylim()[0] == 0.0 and axes.get_ylim()[1] > 20.0


def test_a_bar_for_each_series_in_each_group_where_there_is_a_value():
    one, two = Series("a", points(1.0, 2.0)), Series("b", [Point(1, 3.0)])
    axes = axes_of(bar_chart(one, two))
    lefts = [bar.get_x() for bar in axes.patches]
    rights = [bar.get_x() + bar.get_width() for bar in axes.patches]
    assert len(lefts) == 3
    assert -0.5 < lefts[0] < rights[0] < 0.5 < lefts[1] < rights[1] <= lefts[2] < 1.5
    assert names(axes) == ["a", "b"]
    assert len({bar.get_hatch() for bar in axes.patches}) == 2


@pytest.mark.parametrize("log_x", [False, True])
def test_lines_go_through_their_points_on_either_scale(log_x):
    series = Series("a", [Point(1, 1), Point(10, 5), Point(100, 9)])
    axes = axes_of(line_chart(series, ticks=(1, 10, 100), log_x=log_x))
    (line,) = axes.lines
    np.testing.assert_array_equal(line.get_xydata(), [[1, 1], [10, 5], [100, 9]])
    assert axes.get_xscale() == ("log" if log_x else "linear")
    # On a logarithmic axis the three points lie on one line.
    x, y = axes.transData.transform(line.get_xydata()).T
    straight = np.isclose((x[1] - x[0]) / (x[2] - x[0]), (y[1] - y[0]) / (y[2] - y[0]))
    assert straight == log_x and (np.diff(y) > 0).all()
    assert [each.get_text() for each in axes.get_xticklabels()] == ["1", "10", "100"]
    low, high = axes.get_xlim()
    assert low < 1 and high > 100


def test_published_values_are_hollow_on_dashed_lines():
    series = Series("a", points(5.0, 6.0, 7.0), points(4.0, 5.0, 6.0, std=1.0))
    axes = axes_of(line_chart(series))
    published, ours = axes.lines[0], axes.lines[-1]
    assert list(published.get_ydata()) == [4.0, 5.0, 6.0]
    assert (published.get_linestyle(), ours.get_linestyle()) == ("--", "-")
    assert published.get_markerfacecolor() == "white" != ours.get_markerfacecolor()
    assert published.get_color() == ours.get_color() == COLORS[0]
    assert "hollow: published" in axes.get_xlabel()
    assert names(axes) == ["a"]


def test_published_values_are_dashes_on_bars():
    axes = axes_of(bar_chart(Series("a", points(5.0), points(4.0, 3.0))))
    (dashes,) = axes.collections
    heights = [segment[:, 1].tolist() for segment in dashes.get_segments()]
    assert heights == [[4.0, 4.0], [3.0, 3.0]]
    bar = axes.patches[0]
    left, right = dashes.get_segments()[0][:, 0]
    assert left < bar.get_x() and right > bar.get_x() + bar.get_width()
    assert "dashes: published" in axes.get_xlabel()


def test_published_values_are_drawn_without_ours():
    lonely = Series("a", [], points(5.0, std=1.0)), Series("b", [])
    axes = axes_of(line_chart(*lonely))
    assert len(error_bars(axes)) == 1 and names(axes) == ["a"]
    axes = axes_of(bar_chart(Series("c", points(4.0)), *lonely))
    _, dashes, _ = axes.collections
    assert len(dashes.get_segments()) == 1
    assert to_hex(dashes.get_color()[0]) == COLORS[1]  # as in the legend: it has no bar
    assert names(axes) == ["c", "a"]


@pytest.mark.parametrize("make", [bar_chart, line_chart])
def test_error_bars_are_one_standard_deviation_long(make):
    series = Series("a", [Point(0, 50.0, 5.0), Point(1, 40.0), Point(2, 30.0, 20.0)])
    axes = axes_of(make(series))
    ((_, _, (lines,)),) = error_bars(axes)
    ends = [each[:, 1].tolist() for each in lines.get_segments() if each.ndim == 2]
    assert ends == [[45.0, 55.0], [10.0, 50.0]]
    assert "one standard deviation" in axes.get_xlabel()
    assert axes.get_ylim()[0] <= 10.0 and axes.get_ylim()[1] >= 55.0
    assert "deviation" not in axes_of(make(Series("a", points(1.0)))).get_xlabel()


def test_error_bars_of_several_lines_stand_side_by_side():
    same = [Series(name, points(1.0, 2.0, std=0.1)) for name in "abc"]
    figure = plots.draw(line_chart(*same))
    lines = [each[0] for each in error_bars(figure.axes[0])]
    places = [each.get_transform().transform((1, 2.0))[0] for each in lines]
    assert np.diff(places) == pytest.approx([4 / 72 * plots.DPI] * 2)


def test_hollow_points_and_lines_without_markers():
    rough = Series("a", [Point(0, 1.0, hollow=True), Point(1, 2.0)])
    ideal = Series("b", points(0.0, 1.0), color=plots.GREY, marker="", dashed=True)
    axes = axes_of(line_chart(rough, ideal))
    whole, ring, dashed = axes.lines
    assert len(whole.get_xdata()) == 2 and list(ring.get_xdata()) == [0.0]
    assert ring.get_markerfacecolor() == "white" and ring.get_linestyle() == "None"
    assert (dashed.get_marker(), dashed.get_linestyle()) == ("", "--")
    assert dashed.get_color() == plots.GREY


def test_missing_points_are_left_out():
    series = Series("a", [Point(0, 1.0), Point(2, 3.0)]), Series("b", [])
    axes = axes_of(line_chart(*series))
    (line,) = axes.lines
    assert list(line.get_xdata()) == [0.0, 2.0]


@pytest.mark.parametrize("chart", [line_chart(ticks=()), bar_chart(groups=())])
def test_a_chart_without_values_says_so(chart):
    assert texts(axes_of(chart)) == ["no results yet"]
    assert plots.image(chart).any()


def test_labels_are_at_the_ends_of_lines_unless_they_would_overlap():
    far = [Series(name, points(1.0, y)) for name, y in (("a", 5.0), ("b", 9.0))]
    axes = axes_of(line_chart(*far))
    assert axes.get_legend() is None and texts(axes) == ["a", "b"]
    assert [each.xy for each in axes.texts] == [(1, 5.0), (1, 9.0)]
    for other in (Series("c", points(1.0, 9.01)), Series("d", points(1.0))):
        axes = axes_of(line_chart(*far, other))
        assert names(axes) == ["a", "b", other.label] and not texts(axes)


def test_several_charts_are_stacked_in_one_figure():
    charts = [line_chart(Series("a", points(1.0, n))) for n in range(3)]
    figure = plots.draw(*charts)
    boxes = [axes.get_position() for axes in figure.axes]
    assert len({(round(box.x0, 6), round(box.x1, 6)) for box in boxes}) == 1
    assert all(one.y0 > two.y1 for one, two in zip(boxes, boxes[1:]))
    one, three = plots.image(charts[0]), plots.image(*charts)
    assert one.dtype == three.dtype == np.uint8
    assert one.shape == (250, 450, 3) and three.shape == (465, 450, 3)


@pytest.mark.parametrize(
    "low, high", [(0, 1), (0, 97.3), (3.2, 3.4), (5, 5), (0, 0), (-3, 8), (1e-4, 3e-4)]
)
def test_ticks_are_few_and_include_all_values(low, high):
    axes = axes_of(line_chart(Series("a", points(low, high))))
    ticks = axes.get_yticks()
    assert ticks[0] <= low and ticks[-1] >= high and 2 <= len(ticks) <= 9
    assert np.allclose(np.diff(ticks), ticks[1] - ticks[0])
    assert np.allclose(axes.get_ylim(), (ticks[0], ticks[-1]))
    written = [float(each.get_text()) for each in axes.get_yticklabels()]
    assert np.allclose(written, ticks)


def test_the_y_axis_includes_what_it_should():
    flat = Series("a", points(99.95, 99.95))
    axes = axes_of(line_chart(flat, y_include=(99.0, 100.0)))
    assert axes.get_ylim() == (99.0, 100.0)


def test_ticks_are_written_short():
    axes = axes_of(line_chart(Series("a", points(1.0)), ticks=(0.25, 10.0, 4000.0)))
    assert [each.get_text() for each in axes.get_xticklabels()] == [
        *("0.25", "10", "4,000")
    ]
