"""Elements of a report page, and rendering to a single, self-contained HTML file.

A page is a list of sections. A section has blocks of items: text, tables, charts and
galleries. `page.html` is the template of all items and `page.css` their style. Jinja2
autoescapes names of classes, runs and files, which may have any content.
"""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
import re
from typing import List, Optional, Sequence, Tuple, Union

from mixdmt_tf.report import drawing

HERE = pathlib.Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class Text:
    """A paragraph.

    Attributes:
        text: the text.
        code: whether to show it as code, such as a command line or a file's content.
        title: title of code that is folded away until it is clicked on.
    """

    text: str
    code: bool = False
    title: str = ""
    kind = "text"


@dataclasses.dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: the text.
        bar: length of a bar behind a number, in [0, 1].
        shade: how dark the cell is, in [0, 1].
        right: whether a shaded cell counts right predictions; it has another colour.
    """

    text: str
    bar: Optional[float] = None
    shade: Optional[float] = None
    right: bool = False

    @property
    def percent(self) -> str:
        """The length of the bar, or the strength of the shade, for CSS."""
        share = self.bar if self.bar is not None else 0.6 * (self.shade or 0.0)
        return f"{100 * min(max(share, 0.0), 1.0):.0f}%"


Row = Sequence[Union[str, Cell]]


@dataclasses.dataclass(frozen=True)
class Table:
    """A table whose first column and row are headings.

    Attributes:
        caption: text above the table.
        head: names of the columns.
        rows: rows of cells; the first cell is the name of the row.
        look: 'numbers'; 'words' for cells of text; 'dense' for a confusion matrix;
            'dense full' or 'full' for a table as wide as the page.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Row]
    look: str = "numbers"
    kind = "table"

    def cells(self, row: Row) -> List[Cell]:
        """Returns the cells of a row."""
        return [each if isinstance(each, Cell) else Cell(each) for each in row]


@dataclasses.dataclass(frozen=True)
class Chart:
    """A drawing.

    Attributes:
        svg: SVG source from `drawing.svg`.
        caption: text above the chart.
    """

    svg: str
    caption: str
    kind = "chart"


@dataclasses.dataclass(frozen=True)
class Picture:
    """An image.

    Attributes:
        uri: data URI from `drawing.data_uri`.
        alt: alternative text.
        lines: lines of text below the image.
    """

    uri: str
    alt: str
    lines: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Gallery:
    """Images beside one another.

    Attributes:
        caption: text above the images.
        pictures: the images.
        wide: whether each image takes half of the page's width, as overlays do.
        single: whether each image takes the whole width.
        legend: names and colours ('#rrggbb') of classes.
    """

    caption: str
    pictures: Sequence[Picture]
    wide: bool = False
    single: bool = False
    legend: Sequence[Tuple[str, str]] = ()
    kind = "gallery"


Item = Union[Text, Table, Chart, Gallery]


@dataclasses.dataclass(frozen=True)
class Block:
    """Items that belong together; blocks are shown in columns if there is room.

    Attributes:
        items: the items from top to bottom.
        title: text above the items, such as the name of their run.
    """

    items: Sequence[Item]
    title: str = ""


@dataclasses.dataclass(frozen=True)
class Section:
    """A section of the page.

    Attributes:
        title: heading; `merged` merges sections with the same title.
        blocks: the blocks, side by side if there is room.
        lead: one or two sentences on how to read the section.
    """

    title: str
    blocks: Sequence[Block]
    lead: str = ""

    @property
    def anchor(self) -> str:
        """The anchor of the section within the page."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


@dataclasses.dataclass(frozen=True)
class Page:
    """The whole page.

    Attributes:
        title: title of the page.
        subtitle: text below the title.
        sections: the sections in their order.
    """

    title: str
    subtitle: str
    sections: Sequence[Section]


def merged(sections: Sequence[Section]) -> List[Section]:
    """Merges sections with the same title, at the position of the first of them."""
    found: dict = {}
    for each in sections:
        before = found.get(each.title)
        if before is not None:
            blocks = [*before.blocks, *each.blocks]
            each = dataclasses.replace(before, blocks=blocks)
        if each.blocks:
            found[each.title] = each
    return list(found.values())


def html(page: Page) -> str:
    """Renders the page as one HTML document."""
    import jinja2
    import markupsafe

    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FileSystemLoader(str(HERE)),
    )
    numbers = itertools.count()
    drawings = [
        item.svg
        for section in page.sections
        for block in section.blocks
        for item in block.items
        if isinstance(item, Chart)
    ]
    css = (HERE / "page.css").read_text(encoding="utf-8")
    text: str = environment.get_template("page.html").render(
        page=page,
        css=markupsafe.Markup(css + drawing.colour_scheme(drawings)),
        draw=lambda svg: markupsafe.Markup(drawing.numbered(svg, next(numbers))),
    )
    return text
