"""Charts as inline SVG in the page's colours, and images as data URIs."""

from __future__ import annotations

import base64
import colorsys
import dataclasses
import io
import pathlib
import re
import xml.etree.ElementTree as ElementTree
from typing import TYPE_CHECKING, Iterable, List, Sequence

import numpy as np

from mixdmt_tf import plots
from mixdmt_tf.data.band_files import seen

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH, _HEIGHT = 5.4, 3.5  # inches
_SVG = "http://www.w3.org/2000/svg"
_COLOUR = re.compile(r"#[0-9a-f]{6}")
# Colours of charts that are replaced by variables of the page's style.
_OF_PAGE = {"#282828": "var(--ink)", "#e2e2e2": "var(--line)", "#ffffff": "none"}
_SMALL = 96  # pixels: images up to this size are stored without loss


class Lines(plots.LineChart):
    """A line chart as wide as a column, without a title and with the legend below.

    The page shows the title. Attributes are those of `plots.LineChart`.
    """

    width = _WIDTH

    def _label_line_ends(self, axes: Axes, gap: float) -> bool:
        return False  # there is no room beside the lines

    def _add_legend(self, axes: Axes) -> None:
        handles, labels = axes.get_legend_handles_labels()
        if any(labels):
            place = {"loc": "upper left", "bbox_to_anchor": (0.0, -0.2)}
            columns = 1 if max(map(len, labels)) > 28 else 2
            axes.legend(handles, labels, ncols=columns, **place)


def lines(
    series: Sequence[plots.Series],
    x_label: str,
    y_label: str,
    include: Sequence[float] = (),
    x_ticks: Sequence[float] = (),
) -> Lines:
    """Makes a line chart with ticks at readable values.

    Args:
        series: the lines.
        x_label: label of the x axis, with the unit.
        y_label: label of the y axis, with the unit.
        include: values that the y axis has to include.
        x_ticks: ticks of the x axis; chosen automatically if not given.
    """
    from matplotlib.ticker import MaxNLocator

    xs = [point.x for each in series for point in each.points] or [0.0, 1.0]
    locator = MaxNLocator(6, steps=[1, 2, 2.5, 5, 10])
    ticks = list(x_ticks) or [min(xs)]
    if not x_ticks and max(xs) > min(xs):
        ticks = list(locator.tick_values(min(xs), max(xs)))
    return Lines(series, "", x_label, y_label, ticks, y_include=include)


def narrow(chart: plots.LineChart) -> Lines:
    """Converts a chart made for a separate file to the width of a column."""
    values = {f.name: getattr(chart, f.name) for f in dataclasses.fields(chart)}
    return Lines(**{**values, "title": ""})


def svg(chart: plots.Chart, description: str) -> str:
    """Draws a chart.

    Args:
        chart: a chart from `lines`, or another one of this width.
        description: description of the chart for screen readers.

    Returns:
        An SVG element. Its text is kept as text rather than paths, and its colours are
        variables of the page's style (`colour_scheme`).
    """
    from matplotlib import style
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    ours = pathlib.Path(plots.__file__).with_suffix(".mplstyle")
    own = {
        "svg.fonttype": "none",
        "svg.hashsalt": "mixdmt_tf",
        "text.parse_math": False,  # a name may have dollars in it
        "axes.titlepad": 6.0,
    }
    content = io.StringIO()
    with style.context(["default", ours, own]):
        figure = Figure((chart.width, _HEIGHT))
        FigureCanvasSVG(figure)
        chart.draw_on(figure.subplots())
        figure.patch.set_visible(False)
        nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(content, format="svg", metadata=nothing)
    return _inline(content.getvalue(), description)


def _inline(source: str, description: str) -> str:
    """Converts an SVG file to an element of a page.

    Only attributes are changed, never text, which may have any content.
    """
    root = ElementTree.fromstring(source)
    for parent in root.iter():
        for child in [*parent]:
            if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
                parent.remove(child)
    for element in root.iter():
        for name in ("style", "fill", "stroke"):
            value = element.get(name)
            if value is not None:
                value = value.replace("'DejaVu Sans'", "system-ui, sans-serif")
                element.set(name, _COLOUR.sub(lambda it: _variable(it[0]), value))
    for name in ("width", "height"):
        del root.attrib[name]
    root.set("role", "img")
    root.set("aria-label", description)
    return _as_text(root)


def _as_text(root: ElementTree.Element) -> str:
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    return ElementTree.tostring(root, encoding="unicode")


def numbered(drawing: str, number: int) -> str:
    """Makes the identifiers of a drawing unique within the page."""
    root, prefix = ElementTree.fromstring(drawing), f"c{number}-"
    for element in root.iter():
        for name, value in element.attrib.items():
            if name == "id":
                element.set(name, prefix + value)
            elif name.endswith("href") and value.startswith("#"):
                element.set(name, f"#{prefix}{value[1:]}")
            elif name == "clip-path":
                element.set(name, value.replace("url(#", f"url(#{prefix}"))
    return _as_text(root)


def _variable(colour: str) -> str:
    return _OF_PAGE.get(colour, f"var(--x{colour[1:]})")


def colour_scheme(drawings: Iterable[str]) -> str:
    """Returns CSS with the colours of the drawings, lighter ones for dark mode.

    Args:
        drawings: SVG elements from `svg`.
    """
    names = {name for each in drawings for name in re.findall(r"--x[0-9a-f]{6}", each)}
    if not names:
        return ""
    light = "".join(f" {name}: #{name[3:]};" for name in sorted(names))
    dark = "".join(f" {name}: {_on_black(name[3:])};" for name in sorted(names))
    return (
        f"\n:root {{{light} }}\n@media screen and (prefers-color-scheme: dark) "
        f"{{ :root {{{dark} }} }}\n"
    )


def _on_black(colour: str) -> str:
    """Returns the same hue, light enough for a dark page."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4))
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    light = colorsys.hls_to_rgb(hue, 1.0 - 0.55 * lightness, saturation)
    return "#" + "".join(f"{round(255 * each):02x}" for each in light)


def data_uri(pixels: np.ndarray, longest: int = 480) -> str:
    """Encodes an image as a data URI.

    Args:
        pixels: uint8 [H, W, C] or [H, W].
        longest: largest length of the longer side in pixels; larger images are
            resized to it.
    """
    from PIL import Image

    if pixels.ndim == 3 and pixels.shape[-1] != 3:
        pixels = pixels[..., 0] if pixels.shape[-1] == 1 else seen(pixels)
    image = Image.fromarray(pixels)
    if max(image.size) > longest:
        image.thumbnail((longest, longest))
    content = io.BytesIO()
    kind = "png" if max(image.size) <= _SMALL else "jpeg"
    image.save(content, kind, **({} if kind == "png" else {"quality": 85}))
    encoded = base64.b64encode(content.getvalue()).decode("ascii")
    return f"data:image/{kind};base64,{encoded}"


def hexes(colours: np.ndarray) -> List[str]:
    """Converts colours, uint8 [C, 3], to '#rrggbb'."""
    return ["#" + "".join(f"{int(v):02x}" for v in each) for each in colours]
