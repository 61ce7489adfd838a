"""Reads a page as a browser would, and notes what a browser would complain of."""

from __future__ import annotations

import base64
import html.parser
import io
import re
import xml.etree.ElementTree as ElementTree

from PIL import Image

VOID = {"meta", "link", "img", "br"}


class Reading(html.parser.HTMLParser):
    """What is in a page.

    Attributes:
        tags: (name, attributes) in their order.
        text: what a person reads, of drawings too.
        images: the decoded images.
        problems: what is wrong with its structure.
    """

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.tags, self.problems, self.images, self._open = [], [], [], []
        self._texts = []
        self.feed(source)
        self.close()
        self.problems += [f"<{name}> is never closed" for name in self._open]
        self.text = " ".join(" ".join(self._texts).split())
        self._drawings(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if len(dict(attrs)) < len(attrs):
            self.problems.append(f"<{tag}> has an attribute twice")
        if tag not in VOID:
            self._open.append(tag)
        if tag == "img":
            self._image(dict(attrs))

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self._open or self._open.pop() != tag:
            self.problems.append(f"</{tag}> closes another element")

    def handle_data(self, data):
        if not self._open or self._open[-1] != "style":
            self._texts.append(data)

    def _image(self, attributes):
        if not attributes.get("alt"):
            self.problems.append("an image without an alternative text")
        kind, content = re.fullmatch(
            r"data:image/(png|jpeg);base64,(.+)", attributes["src"]
        ).groups()
        with Image.open(io.BytesIO(base64.b64decode(content, validate=True))) as image:
            assert image.format.lower() == kind
            image.load()
            self.images.append(image.copy())

    def _drawings(self, source):
        self.drawings = re.findall(r"<svg.*?</svg>", source, re.DOTALL)
        for each in self.drawings:
            ElementTree.fromstring(each)  # a drawing is XML besides

    def all(self, tag):
        """Attributes of all elements of a kind."""
        return [attributes for name, attributes in self.tags if name == tag]

    def ids(self):
        """All identifiers."""
        return [a["id"] for _, a in self.tags if "id" in a]


def read(source):
    """Reads a page and checks what holds of every page."""
    found = Reading(source)
    assert source.startswith("<!DOCTYPE html>\n")
    assert not found.problems, found.problems
    ids = found.ids()
    assert len(ids) == len(set(ids))
    _asks_for_nothing(found, source)
    headings = [int(name[1]) for name, _ in found.tags if re.fullmatch("h[1-6]", name)]
    assert headings[0] == 1 and headings.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(headings, headings[1:]))
    for each in found.all("svg"):
        assert each["role"] == "img" and each["aria-label"]
    assert found.all("html")[0]["lang"] == "en"
    return found


def _asks_for_nothing(found, source):
    """Nothing in the page is anywhere else, and nothing in it is a program."""
    known = {f"#{name}" for name in found.ids()}
    for name, attributes in found.tags:
        assert name not in {"script", "iframe", "object", "embed", "base", "form"}
        for key, value in attributes.items():
            assert not key.startswith("on"), (name, key)
            if key in {"src", "href", "xlink:href", "srcset", "action"}:
                assert value.startswith("data:") or value in known, (name, key, value)
            words = "" if key in {"alt", "aria-label"} else value or ""
            for target in re.findall(r"url\(([^)]*)\)", words):
                assert target in known, (name, key, target)
    for style in re.findall(r"<style>(.*?)</style>", source, re.DOTALL):
        assert "url(" not in style and "@import" not in style
