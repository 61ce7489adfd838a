"""What a page shows, and the page as HTML: one file that asks nothing of the network.

A page is a list of sections, a section a list of items: text, tables, charts and
galleries. `page.html` says how each looks (Jinja2 with autoescape: names of classes,
runs and files are text, whatever is in them), `page.css` in which colours.
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
        text: what it says.
        code: shows it as a command line or a file's content.
        title: of code that is folded away until somebody clicks on it.
    """

    text: str
    code: bool = False
    title: str = ""
    kind = "text"


@dataclasses.dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: what it says.
        bar: length of a bar behind a number, in [0, 1].
        shade: how dark the cell is, in [0, 1].
        right: a shaded cell of right answers, which has another colour.
    """

    text: str
    bar: Optional[float] = None
    shade: Optional[float] = None
    right: bool = False

    @property
    def percent(self) -> str:
        """Length of the bar, or strength of the shade, for CSS."""
        share = self.bar if self.bar is not None else 0.6 * (self.shade or 0.0)
        return f"{100 * min(max(share, 0.0), 1.0):.0f}%"


Row = Sequence[Union[str, Cell]]


@dataclasses.dataclass(frozen=True)
class Table:
    """A table whose first column and row are headings.

    Attributes:
        caption: above it.
        head: names of the columns.
        rows: of cells; the first of each is the row's name.
        look: 'numbers'; 'words' for cells of text; 'dense' for a confusion matrix;
            'dense full' or 'full' for one that wants the page's width.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Row]
    look: str = "numbers"
    kind = "table"

    def cells(self, row: Row) -> List[Cell]:
        """The cells of a row."""
        return [each if isinstance(each, Cell) else Cell(each) for each in row]


@dataclasses.dataclass(frozen=True)
class Chart:
    """A drawing.

    Attributes:
        svg: its source, from `drawing.svg`.
        caption: above it.
    """

    svg: str
    caption: str
    kind = "chart"


@dataclasses.dataclass(frozen=True)
class Picture:
    """An image.

    Attributes:
        uri: its content, from `drawing.data_uri`.
        alt: what it shows, for those who do not see it.
        lines: what is written below it.
    """

    uri: str
    alt: str
    lines: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Gallery:
    """Images beside one another.

    Attributes:
        caption: above them.
        pictures: the images.
        wide: images that want half of the page's width, as overlays do.
        single: images that want all of it.
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
    """Items that belong together, a column where there is room for several.

    Attributes:
        items: from top to bottom.
        title: above them, such as the run they are of.
    """

    items: Sequence[Item]
    title: str = ""


@dataclasses.dataclass(frozen=True)
class Section:
    """A section of the page.

    Attributes:
        title: its heading; sections of one title are merged into one.
        blocks: beside one another where there is room.
        lead: one or two sentences on how to read it.
    """

    title: str
    blocks: Sequence[Block]
    lead: str = ""

    @property
    def anchor(self) -> str:
        """Its address within the page."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


@dataclasses.dataclass(frozen=True)
class Page:
    """The whole page.

    Attributes:
        title: of the page.
        subtitle: below it.
        sections: in their order.
    """

    title: str
    subtitle: str
    sections: Sequence[Section]


def merged(sections: Sequence[Section]) -> List[Section]:
    """Sections of one title as one, where the first of them is, with all blocks."""
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
    """The page as one HTML document."""
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
