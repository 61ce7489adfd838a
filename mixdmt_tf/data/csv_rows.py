"""Reads the rows of CSV files that users write, with line numbers for messages.

Files may be as spreadsheets save them: with commas, semicolons or tabs, with or without
a byte order mark, and without empty cells at the end of a row.
"""

from __future__ import annotations

import csv
import io
import pathlib
import unicodedata
from typing import Dict, Iterable, List, Sequence, Set, Tuple

from mixdmt_tf import bounds
from mixdmt_tf.data.image_files import printable
from mixdmt_tf.errors import UserError

FORMS = ("NFC", "NFD")  # of names: macOS decomposes them, other systems do not
SEPARATORS = ",;\t"
Rows = List[Tuple[str, Dict[str, str]]]


def spellings(name: str) -> Set[str]:
    """Returns a name in all forms in which its accents may be encoded."""
    if name.isascii():
        return {name}
    return {name, *(unicodedata.normalize(form, name) for form in FORMS)}


def places(names: Iterable[str]) -> Dict[str, int]:
    """Returns the index of each name by all of its spellings.

    What is spelled like a name itself means that one, the first of others counts.
    """
    listed = list(names)
    found: Dict[str, int] = {}
    for place, name in enumerate(listed):
        for each in spellings(name):
            found.setdefault(each, place)
    found.update({name: place for place, name in enumerate(listed)})
    return found


def read(
    path: pathlib.Path,
    named: str,
    columns: Sequence[str],
    optional: Sequence[str] = (),
) -> Tuple[List[str], Rows]:
    """Reads a table with a header. Cells are stripped and blank lines skipped.

    Args:
        path: path of the file, in UTF-8.
        named: name of the file in messages, such as '--weights_csv=w.csv'.
        columns: required columns, in lower case. The file may have them in any order
            and case, and may have other columns.
        optional: other columns that the caller looks for, in lower case.

    Returns:
        The names of all columns, and for each row its place, such as
        '--weights_csv=w.csv, line 2', and its cells by column.

    Raises:
        UserError: if the file can't be read, a column is missing or occurs twice, or a
            row has more cells than the header.
    """
    try:
        text = bounds.read_bytes(path, bounds.TEXT_BYTES).decode("utf-8-sig")
    except bounds.TooLarge as error:
        raise UserError(f"{named} is {error}") from None
    except OSError as error:
        raise UserError(f"{named} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(
            f"{named} is not text in UTF-8.\nIn a spreadsheet, save it as 'CSV UTF-8'."
        ) from None
    separator = max(SEPARATORS, key=text.partition("\n")[0].count)
    content = io.StringIO(text, newline="")
    lines = csv.reader(content, delimiter=separator, strict=True)
    rows: Rows = []
    header: List[str] = []
    try:
        for cells in lines:
            cells = [cell.strip() for cell in cells]
            where = f"{named}, line {lines.line_num}"
            if any(len(cell) > bounds.CELL_CHARACTERS for cell in cells):
                raise UserError(
                    f"{where} has a cell of more than {bounds.CELL_CHARACTERS:,} "
                    "characters"
                )
            if not any(cells):
                continue
            if not header:
                known = {each: each for each in (*columns, *optional)}
                header = [known.get(cell.lower(), cell) for cell in cells]
                _check(header, columns, where)
            elif len(cells) > len(header):
                raise UserError(
                    f"{where} has {len(cells)} cells; expected {len(header)}, one for "
                    "each column"
                )
            else:
                cells += [""] * (len(header) - len(cells))
                rows.append((where, dict(zip(header, cells))))
    except csv.Error as error:
        raise UserError(f"{named}, line {lines.line_num}: {error}") from None
    if not rows:
        raise UserError(
            f"{named} has no rows; expected the columns {', '.join(columns)} and a row "
            "for each file"
        )
    return header, rows


def _check(header: Sequence[str], columns: Sequence[str], where: str) -> None:
    found = ", ".join(printable(name) or "''" for name in header[:20])
    missing = [name for name in columns if name not in header]
    if missing:
        raise UserError(f"{where}: expected a column {missing[0]!r}; found {found}")
    if len(set(header)) < len(header) or "" in header:
        raise UserError(
            f"{where}: expected columns with different names; found {found}"
        )


def file_name(text: str) -> str:
    """Normalises a file name of a table like `relative`: './a//b.png' to 'a/b.png'."""
    return pathlib.PurePosixPath(text).as_posix()


def relative(path: pathlib.Path, root: pathlib.Path) -> str:
    """Returns a path relative to a folder, with slashes."""
    return path.relative_to(root).as_posix()
