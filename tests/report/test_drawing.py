"""Drawings in the page's colours, and images as data."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

from mixdmt_tf import plots
from mixdmt_tf.plots import LineChart, Point, Series
from mixdmt_tf.report import drawing

SERIES = [
    Series("first", [Point(10, 1.0), Point(20, 3.0)]),
    Series("second", [Point(10, 2.0, hollow=True), Point(20, 2.5)], dashed=True),
]


def drawn(series=SERIES):
    return drawing.svg(drawing.lines(series, "step", "error (%)", [0.0]), "two lines")


def luminance(colour):
    """Of '#rrggbb', as the Web Content Accessibility Guidelines define it."""
    levels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in levels
    ]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def test_a_drawing_has_its_text_as_text_and_no_colour_of_its_own():
    source = drawn()
    root = ElementTree.fromstring(source)
    texts = {
        "".join(each.itertext()) for each in root.iter() if each.tag.endswith("text")
    }
    assert {"first", "second", "step", "error (%)", "10", "20", "3"} <= texts
    assert not re.search(r"(fill|stroke): ?#", source)
    assert "var(--ink)" in source and "var(--line)" in source
    assert "width" not in root.attrib and "viewBox" in root.attrib


def test_a_colour_has_a_light_and_a_dark_form_with_contrast():
    css = drawing.colour_scheme([drawn()])
    for colour in plots.COLORS[:2]:
        light, dark = re.findall(rf"--x{colour[1:]}: (#[0-9a-f]{{6}});", css)
        assert light == colour
        paper = luminance("#0f1419")
        assert (luminance(dark) + 0.05) / (paper + 0.05) > 4.5
    assert "prefers-color-scheme: dark" in css
    assert drawing.colour_scheme([]) == ""


@pytest.mark.parametrize("colour", plots.COLORS)
def test_every_colour_of_charts_can_be_seen_on_a_dark_page(colour):
    dark = drawing._on_black(colour[1:])
    assert (luminance(dark) + 0.05) / (luminance("#0f1419") + 0.05) > 4.5


def test_one_point_has_one_tick():
    source = drawn([Series("", [Point(200, 1.0)])])
    assert len(re.findall(r">200<", source)) == 1


def test_a_chart_of_a_file_fits_into_a_column():
    wide = LineChart(SERIES, "A title", "x", "y", [10, 20], log_x=True, note="a note")
    narrow = drawing.narrow(wide)
    assert narrow.width < wide.width and narrow.title == ""
    assert (narrow.log_x, narrow.note) == (True, "a note")
    source = drawing.svg(narrow, "words")
    assert "a note" in source and "A title" not in source


def test_the_user_s_matplotlib_style_changes_nothing():
    import matplotlib

    before = drawn()
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "path"}):
        assert drawn() == before


def decoded(uri):
    kind, content = re.fullmatch(r"data:image/(\w+);base64,(.+)", uri).groups()
    return kind, np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))


@pytest.mark.parametrize("shape", [(8, 8, 3), (8, 8, 1), (8, 8), (96, 20, 3)])
def test_small_images_are_as_they_are(shape):
    pixels = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    kind, found = decoded(drawing.data_uri(pixels))
    assert kind == "png"
    np.testing.assert_array_equal(found, pixels.reshape(found.shape))


def test_large_images_become_smaller():
    pixels = np.full((100, 1000, 3), 7, np.uint8)
    kind, found = decoded(drawing.data_uri(pixels))
    assert kind == "jpeg" and found.shape == (48, 480, 3)
    assert decoded(drawing.data_uri(pixels, 2000))[1].shape == pixels.shape


def test_colours_as_text():
    assert drawing.hexes(np.array([[0, 15, 255]], np.uint8)) == ["#000fff"]
