"""Charts show what they are given where it belongs."""

from __future__ import annotations

import numpy as np
import pytest

from mixdmt_tf.plots import canvas, charts
from mixdmt_tf.plots.charts import COLOURS, Point, Series


def places(image, colour):
    """Rows and columns of the pixels of one colour within the plot."""
    pixels = np.asarray(image)[:, : 2 * (charts.WIDTH - 190 - 24)]
    assert pixels.dtype == np.uint8
    distance = np.abs(pixels.astype(int) - np.array(colour)).sum(-1)
    return np.nonzero(distance < 60)


def bars(*heights, **more):
    points = [Point(n, y) for n, y in enumerate(heights)]
    series = [Series("a", points)]
    groups = [str(n) for n in range(len(heights))]
    return charts.bar_chart(series, groups, "T", "x", "y", **more)


def test_bars_are_as_high_as_their_numbers():
    rows, columns = places(bars(20.0, 10.0), COLOURS[0])
    middle = (columns.min() + columns.max()) / 2
    left, right = rows[columns < middle], rows[columns > middle]
    ratio = (left.max() - left.min()) / (right.max() - right.min())
    assert ratio == pytest.approx(2, rel=0.02)


def test_lines_rise_with_their_numbers_on_either_scale():
    for log in (False, True):
        points = [Point(1, 1), Point(10, 5), Point(100, 9)]
        image = charts.line_chart([Series("a", points)], "T", "x", "y", log_x=log)
        rows, columns = places(image, COLOURS[0])
        assert rows[columns.argmax()] < rows[columns.argmin()]
        # On a logarithmic axis the three points lie on one line.
        half = (columns.min() + columns.max()) / 2
        crossing = np.median(rows[np.abs(columns - half) < 3])
        straight = (rows[columns.argmax()] + rows[columns.argmin()]) / 2
        assert (abs(crossing - straight) < 6) == log


def test_published_numbers_are_there_without_ours():
    given = [Point(0, 5.0, 1.0)]
    for image in (
        charts.bar_chart([Series("a", [], given)], ["g"], "T", "x", "y"),
        charts.line_chart([Series("a", [], given)], "T", "x", "y"),
    ):
        empty = charts.line_chart([Series("a", [])], "T", "x", "y")
        assert image.size == empty.size == (1800, 1000)
        assert (np.asarray(image) != np.asarray(empty)).any()


def test_a_whisker_is_longer_the_larger_the_deviation():
    def ink(std):
        series = [Series("a", [Point(0, 50.0, std)])]
        image = charts.bar_chart(series, ["g"], "T", "", "", y_range=(0, 100))
        rows, columns = places(image, (40, 40, 40))
        return rows[(rows > 140) & (columns > 140)].min()

    assert ink(5.0) - ink(20.0) == pytest.approx(15 / 100 * 2 * 344, abs=6)


def test_the_same_input_gives_the_same_picture():
    assert (np.asarray(bars(1.0)) == np.asarray(bars(1.0))).all()
    assert (np.asarray(bars(1.0)) != np.asarray(bars(2.0, y_range=(0, 9)))).any()


@pytest.mark.parametrize(
    "low, high", [(0, 1), (0, 97.3), (3.2, 3.4), (5, 5), (0, 0), (-3, 8), (1e-4, 3e-4)]
)
def test_ticks_are_few_and_hold_what_they_must(low, high):
    ticks = canvas.nice_ticks(low, high)
    assert ticks[0] <= low and ticks[-1] >= high and 2 <= len(ticks) <= 8
    assert np.allclose(np.diff(ticks), ticks[1] - ticks[0])


def test_numbers_are_shown_short():
    assert [canvas.shown(n) for n in (4000.0, 0.25, 10)] == ["4,000", "0.25", "10"]
    assert canvas.shown(60.04, 1) == "60.0"


def test_pictures_are_saved_whole(tmp_path):
    charts.save(bars(1.0), tmp_path / "a.png")
    assert [each.name for each in tmp_path.iterdir()] == ["a.png"]
