"""Tables of papers as folders of flagfiles: `--table=realmix/2`.

A table is the folder `flags/realmix/table_2/`. It holds `table.ini`, one flagfile for
each row at the paper's budget, and in `cpu/` the same rows at the budget of two CPU
cores. A row whose settings are others in one column has a second flagfile for it, such
as `dmt-1000.flags` beside `dmt.flags`. What is published stands in the opening comments
of the paper's rows and nowhere else; of a row that this package has no method for, in
`table.ini`. Nothing here imports TensorFlow.
"""

from __future__ import annotations

import configparser
import dataclasses
import pathlib
import re
from typing import Dict, Iterable, List, Mapping, Optional, Tuple

from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.settings import nearest
from mixdmt_tf.tables import headers
from mixdmt_tf.tables.headers import Published
from mixdmt_tf.tables.measures import SHOWN, Measure, Number

BUDGETS = ("paper", "cpu")
PICTURES = ("bars", "lines", "log_lines")


@dataclasses.dataclass(frozen=True)
class Row:
    """One row at one budget.

    Attributes:
        name: of the flagfile, without its ending.
        label: what the paper calls it.
        flagfile: where.
        published: by value of the column flag; '' in a table of one column.
        seconds: cost of one run as the flagfile states it, None if it doesn't.
        first: the row whose run must be finished before, or None.
        beside: whether the paper's table lacks it.
        weights: kinds of published weights, by the flag that takes their file.
    """

    name: str
    label: str
    flagfile: pathlib.Path
    published: Dict[str, Published]
    seconds: Optional[float]
    first: Optional[str]
    beside: bool
    weights: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Quoted:
    """A row of which there are the paper's numbers only.

    Attributes:
        label: what the paper calls it.
        published: as in `Row`.
    """

    label: str
    published: Dict[str, Published]


@dataclasses.dataclass(frozen=True)
class Table:
    """What `table.ini` says.

    Attributes:
        name: as in `--table`.
        folder: where it is.
        title: one line.
        flag: the flag whose values are the columns, None in a table of one column.
        columns: its values, ('',) in a table of one column.
        rows: names, in the paper's order.
        shown: a key of `SHOWN`: the number that stands first and is drawn.
        picture: one of `PICTURES`.
        one_run: rows that are the same in every column, so that one run serves all.
        first_seed: of the runs, which have this seed and those after it.
        quoted: rows that have no flagfile and are never run, by name.
    """

    name: str
    folder: pathlib.Path
    title: str
    flag: Optional[str]
    columns: Tuple[str, ...]
    rows: Tuple[str, ...]
    shown: str
    picture: str
    one_run: Tuple[str, ...] = ()
    first_seed: int = 1
    quoted: Mapping[str, Quoted] = dataclasses.field(default_factory=dict)

    @property
    def measure(self) -> Measure:
        """What the table's numbers are."""
        return SHOWN[self.shown]

    @property
    def numbers(self) -> Tuple[Number, ...]:
        """Those of a report; first the one to be compared with what is published."""
        every = self.measure.numbers
        return tuple(sorted(every, key=lambda number: number.key != self.shown))

    def has(self, row: str, budget: str) -> bool:
        """Whether there is a flagfile of the row at this budget."""
        return self._flagfile(row, budget).is_file()

    def row(self, name: str, budget: str, column: str = "") -> Row:
        """Reads what a row's flagfiles open with.

        Args:
            name: of the row; also one that `rows` lacks but another row's 'First' has.
            budget: one of `BUDGETS`.
            column: which may have a flagfile of its own.

        Raises:
            UserError: if the flagfile is missing or opens with something else.
        """
        path = self._flagfile(name, budget)
        own = path.with_name(f"{name}-{in_paths(column)}.flags")
        path = own if own.is_file() else path
        header = headers.read_header(path, self.measure)
        paper = headers.read_header(self._flagfile(name, "paper"), self.measure)
        label, beside = headers.place(self._flagfile(name, "paper"), paper["Paper"])
        return Row(
            name,
            label,
            path,
            self._published(paper[self.measure.header], name),
            headers.cost(header.get("Cost", "")),
            header.get("First"),
            beside,
            headers.weights(path, header.get("Command", "")),
        )

    def _flagfile(self, row: str, budget: str) -> pathlib.Path:
        folder = self.folder if budget == "paper" else self.folder / budget
        return folder / f"{row}.flags"

    def _published(self, text: str, row: str) -> Dict[str, Published]:
        try:
            return headers.published(text, self.columns)
        except ValueError as error:
            raise UserError(
                f"{self._flagfile(row, 'paper')}: '# {self.measure.header}: {text}': "
                f"{error}"
            ) from None


def in_paths(column: str) -> str:
    """A column's value as a part of the names of files: '1/20' gives '1_20'."""
    return column.replace("/", "_")


def find(root: pathlib.Path) -> Dict[str, pathlib.Path]:
    """Folders of the tables in a folder of flagfiles, by the name of `--table`.

    `realmix/table_2/` is called realmix/2, and `realmix/figure_3/` realmix/figure_3.
    """
    folders = (path.parent for path in root.glob("*/*/table.ini"))
    found = {
        f"{folder.parent.name}/{re.sub('^table_', '', folder.name)}": folder
        for folder in folders
    }
    return dict(sorted(found.items()))


def load(root: pathlib.Path, name: str) -> Table:
    """Reads `table.ini`.

    Args:
        root: the folder `flags/`.
        name: such as 'realmix/2'.

    Raises:
        UsageError: if there is no such table, with the names of those there are.
        UserError: if the file is not as expected.
    """
    folders = find(root)
    if name not in folders:
        given = f"--table={name}: no such table" if name else "--table is missing"
        raise UsageError(f"{given}{_those_there_are(name, folders, '--table=')}")
    path = folders[name] / "table.ini"
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8"), str(path))
        section = dict(parser["table"])
        title, rows = section.pop("title"), tuple(section.pop("rows").split())
    except (configparser.Error, KeyError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} is not the description of a table: {error}\n"
            "expected a section [table] with title, rows and, if there are several, "
            "columns"
        ) from None
    _check_words(path, "section", parser.sections(), ("table", "quoted"))
    others = dict(parser["quoted"]) if "quoted" in parser else {}
    flag, _, values = section.pop("columns", "").partition(":")
    flag, columns = flag.strip(), tuple(values.split()) or ("",)
    shown, picture = section.pop("shown", "error"), section.pop("picture", "bars")
    _check_words(path, "shown", [shown], SHOWN)
    _check_words(path, "picture", [picture], PICTURES)
    _check_words(path, "quoted", others, rows)
    one_run = tuple(section.pop("one_run", "").split())
    _check_words(path, "one_run", one_run, [row for row in rows if row not in others])
    first_seed = section.pop("first_seed", "1")
    _check_words(path, "first_seed", [first_seed], ("0", "1"))
    expected = ("title", "columns", "rows", "shown", "picture", "one_run", "first_seed")
    _check_words(path, "setting", section, expected)
    if not rows or (flag and columns == ("",)):
        raise UserError(f"{path}: expected 'rows = a b' and 'columns = FLAG: 1 2 3'")
    if picture != "bars" and columns != ("",):
        _check_numbers(path, picture, columns)
    quoted = {row: _quoted(path, row, text, columns) for row, text in others.items()}
    table = Table(
        name,
        folders[name],
        title,
        flag or None,
        columns,
        rows,
        shown,
        picture,
        one_run,
        int(first_seed),
        quoted,
    )
    for row in quoted:
        if any(table.has(row, budget) for budget in BUDGETS):
            raise UserError(
                f"{path}: row '{row}' is quoted and has a flagfile too\n"
                "expected one of the two"
            )
    return table


def _quoted(
    path: pathlib.Path, row: str, text: str, columns: Tuple[str, ...]
) -> Quoted:
    """Parses 'Hung et al. | 1/50: 57.2; 1/20: 64.7'."""
    label, bar, numbers = (part.strip() for part in text.partition("|"))
    try:
        if not (label and bar):
            raise ValueError("expected 'LABEL | ...' with what is published")
        return Quoted(label, headers.published(numbers, columns))
    except ValueError as error:
        raise UserError(f"{path}: quoted '{row} = {text}': {error}") from None


def choose(kind: str, given: str, known: Iterable[str]) -> Tuple[str, ...]:
    """Those of `known` that a flag such as `--rows=a,b` names, in their own order.

    Args:
        kind: name of the flag.
        given: names with commas between them, '' for all.
        known: the names there are.

    Raises:
        UsageError: for an unknown name, with those there are.
    """
    known = tuple(known)
    wanted = [each.strip() for each in given.split(",") if each.strip()]
    for each in wanted:
        if each not in known:
            near = _those_there_are(each, known, f"--{kind}=")
            raise UsageError(f"--{kind}={given}: the table has no {each}{near}")
    return tuple(each for each in known if not wanted or each in wanted)


def _check_words(
    path: pathlib.Path, name: str, given: Iterable[str], known: Iterable[str]
) -> None:
    for each in given:
        if each not in known:
            raise UserError(
                f"{path}: {name} '{each}': expected one of {', '.join(known)}"
            )


def _check_numbers(path: pathlib.Path, picture: str, columns: Iterable[str]) -> None:
    for each in columns:
        try:
            float(each)
        except ValueError:
            raise UserError(
                f"{path}: picture '{picture}' needs columns that are numbers, got "
                f"'{each}'\nexpected 'picture = bars'"
            ) from None


def _those_there_are(given: str, known: Iterable[str], flag: str) -> str:
    """More lines of a message: what there is, and what was probably meant."""
    known = list(known)
    lines: List[str] = [f"\nthere are: {', '.join(known) or 'none'}"]
    near = nearest(given, known) if given else None
    return "".join([*lines, f"\ndid you mean {flag}{near}?" if near else ""])
