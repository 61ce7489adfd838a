"""The page as HTML: structure, names with HTML in them, and nothing from outside."""

from __future__ import annotations

import numpy as np
import pytest

from mixdmt_tf.plots import Point, Series
from mixdmt_tf.report import drawing
from mixdmt_tf.report.page import (
    Block,
    Cell,
    Chart,
    Gallery,
    Page,
    Picture,
    Section,
    Table,
    Text,
    html,
    merged,
)
from tests.report.reading import read

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "' onmouseover='alert(3)",
    "{{ 7 * 7 }}{% raw %}",
    r"$\frac{1}{",
    "a & b &lt; c",
    "]]><!--",
    "#282828 url(#x) fill: #ffffff",
]


def chart(name):
    series = [Series(name, [Point(1, 2.0), Point(2, 3.0)]), Series("", [Point(1, 1.0)])]
    return Chart(drawing.svg(drawing.lines(series, name, name), name), name)


def page(name):
    """A page with everything that there is, called like this wherever possible."""
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    picture = Picture(drawing.data_uri(pixels), name, [name, name])
    cells = [name, Cell(name), Cell(name, bar=0.5), Cell(name, shade=1.0, right=True)]
    items = [
        Text(name),
        Text(name, code=True),
        Text(name, True, name),
        Table(name, [name, *"abc"], [cells]),
        Table(name, [name], [[name]], "dense"),
        chart(name),
        chart(name),
        Gallery(name, [picture], legend=[(name, "#ff0000")]),
        Gallery(name, [picture], wide=True, single=True),
    ]
    sections = [Section(name, [Block(items, name), Block(items[:1])], name)]
    return Page(name, name, [*sections, Section("Other", [Block([Text("x")])])])


@pytest.fixture(name="tame", scope="module")
def fixture_tame():
    """A page with nothing strange in it."""
    return read(html(page("harmless")))


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_text_whatever_is_in_them(name, tame):
    found = read(html(page(name)))

    assert [tag for tag, _ in found.tags] == [tag for tag, _ in tame.tags]
    shown = " ".join(name.split())
    assert found.text.count(shown) == tame.text.count("harmless")
    assert {image["alt"] for image in found.all("img")} == {name}
    assert {drawn["aria-label"] for drawn in found.all("svg")} == {name}


def test_two_charts_share_no_identifier_though_they_are_equal(tame):
    assert len(tame.drawings) == 2  # `read` refuses an identifier that is there twice
    assert tame.drawings[0] != tame.drawings[1]


def test_the_same_page_is_the_same_bytes():
    shown = page("x")
    assert html(shown) == html(shown) == html(page("x"))


def test_sections_of_one_title_become_one_and_empty_ones_none():
    one, two = Block([Text("one")]), Block([Text("two")])
    found = merged(
        [
            Section("a", [one], "first"),
            Section("empty", []),
            Section("b", [one]),
            Section("a", [two], "second"),
        ]
    )
    assert [(each.title, each.lead) for each in found] == [("a", "first"), ("b", "")]
    assert list(found[0].blocks) == [one, two]


def test_anchors_lead_to_sections_whatever_their_titles():
    found = read(html(Page("t", "s", [Section("A b, c!", [Block([Text("x")])])])))
    (link,) = found.all("a")
    assert link["href"] == "#" + found.all("section")[0]["id"]


@pytest.mark.parametrize(
    "cell, percent",
    [
        (Cell("", bar=0.5), "50%"),
        (Cell("", bar=7.0), "100%"),
        (Cell("", bar=-1.0), "0%"),
        (Cell("", shade=1.0), "60%"),
    ],
)
def test_shares_of_cells(cell, percent):
    assert cell.percent == percent
