"""Charts are legible, and the same pixels everywhere."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.text import Text

from mixdmt_tf import plots
from mixdmt_tf.plots import COLORS, Series
from tests.test_plots import axes_of, bar_chart, error_bars, line_chart, points


@pytest.fixture(autouse=True)
def fixture_few_pixels(monkeypatch):
    monkeypatch.setattr(plots, "DPI", 50)


def lightness(color):
    """CIE L*, from 0 to 100."""
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    y = linear @ [0.2126, 0.7152, 0.0722]
    return 116 * np.cbrt(y) - 16 if y > 0.008856 else 903.3 * y


@pytest.mark.parametrize("make", [bar_chart, line_chart])
def test_no_text_leaves_the_image(make):
    long = " ".join(["a long name"] * 3)
    series = [Series(f"{long} {n}", points(n, n, std=1.0), points(n)) for n in range(8)]
    chart = make(*series)
    figure = plots.draw(
        type(chart)(**{**vars(chart), "title": f"{long} {long} {long}"})
    )
    for text in figure.findobj(lambda each: isinstance(each, Text) and each.get_text()):
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.y0 >= 0, text
        assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text


def test_bars_are_wide_enough_for_their_values():
    many = [Series(str(n), points(*[99.9] * 6)) for n in range(8)]
    figure = plots.draw(bar_chart(*many, groups=[str(n) for n in range(6)]))
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    boxes.sort(key=lambda box: box.x0)
    assert len(boxes) == 48
    assert all(one.x1 <= two.x0 for one, two in zip(boxes, boxes[1:]))


def test_names_of_groups_are_not_cut_and_do_not_overlap():
    groups = ["Simple augmentation"] * 12
    figure = plots.draw(bar_chart(Series("a", points(*range(12))), groups=groups))
    names = figure.axes[0].get_xticklabels()
    assert {each.get_text() for each in names} == {"Simple\naugmentation"}
    boxes = [each.get_window_extent() for each in names]
    assert all(one.x1 < two.x0 for one, two in zip(boxes, boxes[1:]))


def everything():
    series = [Series(name, points(1.0, 2.0, std=0.1), points(1.5)) for name in "ab"]
    return bar_chart(*series), line_chart(*series)


PROGRAM = """
import hashlib, sys
import matplotlib
def settings():  # the backend is only chosen when somebody asks for it
    values = matplotlib.rcParams
    return {key: values[key] for key in values if key != "backend"}
before = settings()
assert before["font.size"] == 23
from tests.test_plots_style import everything
from mixdmt_tf import plots
plots.DPI = 50
print(hashlib.sha256(plots.image(*everything()).tobytes()).hexdigest())
assert settings() == before
assert "matplotlib.pyplot" not in sys.modules
"""


def test_the_same_data_give_the_same_pixels_whatever_the_user_has_set(tmp_path):
    settings = "font.size: 23\nlines.linewidth: 9\naxes.facecolor: red\n"
    settings += "figure.dpi: 30\nsavefig.dpi: 30\nfont.family: serif\n"
    settings += "lines.antialiased: False\naxes.prop_cycle: cycler('color', ['k'])\n"
    (tmp_path / "matplotlibrc").write_text(settings)
    environment = {**os.environ, "MATPLOTLIBRC": str(tmp_path / "matplotlibrc")}
    printed = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=Path(__file__).resolve().parent.parent,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    here = plots.image(*everything())
    assert printed.strip() == hashlib.sha256(here.tobytes()).hexdigest()
    with matplotlib.rc_context({"path.simplify": False, "text.antialiased": False}):
        np.testing.assert_array_equal(plots.image(*everything()), here)


def test_other_data_give_other_pixels():
    one, two = (plots.image(bar_chart(Series("a", points(n)))) for n in (1.0, 1.1))
    assert one.shape == two.shape and (one != two).any()


def test_colours_can_be_told_apart_in_grey():
    shades = sorted(map(lightness, COLORS))
    assert len(COLORS) == 8 and min(np.diff(shades)) > 7
    assert shades[-1] < 85  # and from white


@pytest.mark.parametrize("number", [1, 2, 3, 10])
def test_shades_go_from_light_to_dark(number):
    shades = plots.shades(number)
    assert len(shades) == number and all(to_hex(each) == each for each in shades)
    steps = -np.diff([lightness(each) for each in shades])
    assert (steps > 60 / number - 3).all()


def test_the_last_shade_is_the_darkest_however_many_there_are():
    assert len({plots.shades(number)[-1] for number in (1, 2, 3, 10)}) == 1


def test_series_differ_in_more_than_colour():
    many = [Series(str(n), points(1.0, n, std=0.1)) for n in range(11)]
    lines = [each[0] for each in error_bars(axes_of(line_chart(*many)))]
    assert len({line.get_marker() for line in lines}) == 11
    assert len({line.get_color() for line in lines}) == len(COLORS)
    looks = {(line.get_color(), line.get_linestyle()) for line in lines}
    assert len(looks) == 11 and "--" not in {style for _, style in looks}
    bars = axes_of(bar_chart(*many)).patches
    assert len({bar.get_hatch() for bar in bars}) == 11 and len(bars) == 22
