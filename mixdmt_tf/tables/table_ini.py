"""Reads tables from `table.ini` in folders of flagfiles.

The file has a section `[table]` and one section `[row NAME]` for each row, in the
paper's order. docs/tables.md lists the settings.
"""

from __future__ import annotations

import configparser
import pathlib
import re
from typing import Callable, Dict, Iterable, List, Mapping, Tuple, TypeVar

from mixdmt_tf import bounds
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.tables.measures import SHOWN
from mixdmt_tf.tables.table import (
    BUDGETS,
    CHARTS,
    WEIGHTS,
    WEIGHTS_FLAGS,
    Published,
    Row,
    Table,
    alternatives,
)

_T = TypeVar("_T")
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)(?: ?± ?(\d+(?:\.\d+)?))?")
_NO_NUMBER = ("not recoverable", "not published", "none")
TABLE_SETTINGS = ("title", "columns", "shown", "chart", "first_seed")
_MINUTES = {f"{budget}_minutes": budget for budget in BUDGETS}
_MARKS = ("beside", "quoted", "one_run")
ROW_SETTINGS = ("label", "published", "weights", "first", *_MARKS, *_MINUTES)


def find(root: pathlib.Path) -> Dict[str, pathlib.Path]:
    """Finds the folders of tables in a folder of flagfiles, by the name of `--table`.

    `realmix/table_2/` is called realmix/2, and `realmix/figure_3/` realmix/figure_3.
    """
    folders = (path.parent for path in root.glob("*/*/table.ini"))
    by_name = {
        f"{folder.parent.name}/{re.sub('^table_', '', folder.name)}": folder
        for folder in folders
    }
    return dict(sorted(by_name.items()))


def load(root: pathlib.Path, name: str) -> Table:
    """Reads the `table.ini` of a table.

    Args:
        root: the folder `flags/`.
        name: name of the table, such as 'realmix/2'.

    Raises:
        UsageError: if there is no such table; the message lists all names.
        UserError: if the file is malformed.
    """
    folders = find(root)
    if name not in folders:
        given = f"--table={name}: no such table" if name else "--table is missing"
        raise UsageError(f"{given}{alternatives(name, folders, '--table=')}")
    path = folders[name] / "table.ini"
    parser = configparser.ConfigParser(interpolation=None)
    try:
        text = bounds.read_bytes(path, bounds.SMALL_BYTES).decode("utf-8-sig")
        parser.read_string(text, str(path))
        settings = dict(parser["table"])
        title = settings["title"]
    except (configparser.Error, KeyError, ValueError) as error:
        raise UserError(
            f"{path} is not the description of a table: {error}\n"
            "expected a section [table] with a title and, if there are several, columns"
        ) from None
    _check_words(path, "setting", settings, TABLE_SETTINGS)
    flag, _, values = settings.get("columns", "").partition(":")
    flag, columns = flag.strip(), tuple(values.split()) or ("",)
    shown, chart = settings.get("shown", "error"), settings.get("chart", "bars")
    first_seed = settings.get("first_seed", "1")
    _check_words(path, "shown", [shown], SHOWN)
    _check_words(path, "chart", [chart], CHARTS)
    _check_words(path, "first_seed", [first_seed], ("0", "1"))
    if bool(flag) != (columns != ("",)):
        raise UserError(f"{path}: expected 'columns = FLAG: 1 2 3' or no columns")
    if chart != "bars" and columns != ("",):
        _check_numbers(path, chart, columns)
    rows: Dict[str, Row] = {}
    before: Dict[str, Row] = {}
    for section in parser.sections():
        kind, _, row = section.partition(" ")
        if kind == "row" and row:
            rows[row] = _read_row(path, row, parser[section], columns)
        elif kind == "before" and row:
            before[row] = _read_row(path, row, parser[section], ("",))
        elif section != "table":
            raise UserError(
                f"{path}: section '{section}': expected 'table', 'row NAME' or "
                "'before NAME'"
            )
    _check_rows(path, rows, before)
    table = Table(
        name=name,
        folder=folders[name],
        title=title,
        flag=flag or None,
        columns=columns,
        rows=rows,
        before=before,
        shown=shown,
        chart=chart,
        first_seed=int(first_seed),
    )
    for each in rows.values():
        if each.quoted and any(table.has(each.name, budget) for budget in BUDGETS):
            raise UserError(
                f"{path}: row '{each.name}' is quoted and has a flagfile too\n"
                "expected one of the two"
            )
    return table


def _read_row(
    path: pathlib.Path, name: str, section: Mapping[str, str], columns: Tuple[str, ...]
) -> Row:
    where = f"row '{name}': "
    _check_words(path, f"{where}setting", section, ROW_SETTINGS)
    marks = {mark: mark in section for mark in _MARKS}
    for mark in filter(marks.get, marks):
        _check_words(path, f"{where}{mark}", [section[mark]], ("true",))

    def read(key: str, default: str, parse: Callable[[str], _T]) -> _T:
        try:
            return parse(section.get(key, default))
        except ValueError as error:
            raise UserError(f"{path}: {where}{key}: {error}") from None

    return Row(
        name=name,
        label=read("label", "", _some_text),
        published=read("published", "none", lambda text: published(text, columns)),
        weights=read("weights", "", lambda text: weights(text, columns)),
        seconds={
            budget: 60.0 * read(key, "", _positive)
            for key, budget in _MINUTES.items()
            if key in section
        },
        first=section.get("first"),
        **marks,
    )


def published(text: str, columns: Tuple[str, ...]) -> Dict[str, Published]:
    """Parses '250: 47.32 ± 4.71; 500: not recoverable', or a lone number or words.

    Remarks in parentheses are ignored. Columns that aren't named have no number.

    Args:
        text: text of the setting.
        columns: values of the column flag; ('',) in a table of one column.

    Raises:
        ValueError: if a column or a number is invalid.
    """
    text = re.sub(r"\([^)]*\)", "", text).strip()
    if text in _NO_NUMBER:
        return dict.fromkeys(columns, Published(text))
    numbers = dict.fromkeys(columns, Published("none"))
    for column, value in _by_column(text, columns).items():
        match = _NUMBER.fullmatch(value)
        if match:
            std = float(match[2]) if match[2] else None
            numbers[column] = Published(value, float(match[1]), std)
        elif value in _NO_NUMBER:
            numbers[column] = Published(value)
        else:
            words = "', '".join(_NO_NUMBER)
            raise ValueError(f"'{value}': expected 1.23, 1.23 ± 0.45, '{words}'")
    return numbers


def weights(text: str, columns: Tuple[str, ...]) -> Dict[str, Tuple[str, ...]]:
    """Parses 'coco imagenet', or '1/50: coco; 1/20: coco imagenet'.

    Args:
        text: text of the setting; without columns it holds for all of them.
        columns: values of the column flag; ('',) in a table of one column.

    Raises:
        ValueError: if a column or a kind of weights is invalid.
    """
    named = ":" in text
    values = _by_column(text, columns) if named else dict.fromkeys(columns, text)
    kinds = {column: tuple(values.get(column, "").split()) for column in columns}
    for each in kinds.values():
        if len(each) > len(WEIGHTS_FLAGS) or not set(each) <= set(WEIGHTS):
            raise ValueError(
                f"'{' '.join(each)}': expected {' or '.join(WEIGHTS)}, or two of them "
                "for two networks"
            )
    return kinds


def _by_column(text: str, columns: Tuple[str, ...]) -> Dict[str, str]:
    """Parses 'COLUMN: value; COLUMN: value', or a value in a table of one column."""
    values: Dict[str, str] = {}
    for part in text.split(";"):
        column, _, value = part.rpartition(":")
        column = column.strip()
        if column not in columns or column in values:
            expected = f"each of {', '.join(columns)} once and a colon before the value"
            raise ValueError(
                f"expected {expected if columns != ('',) else 'no colon'}, got "
                f"'{part.strip()}'"
            )
        values[column] = " ".join(value.split())
    return values


def _some_text(text: str) -> str:
    if not text:
        raise ValueError("expected the paper's name of the row")
    return text


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0.0 < number < float("inf"):
        raise ValueError(f"'{text}': expected a number > 0")
    return number


def _check_rows(
    path: pathlib.Path, rows: Mapping[str, Row], before: Mapping[str, Row]
) -> None:
    """Checks rows against each other: their names and the order of runs."""
    if not rows:
        raise UserError(f"{path}: expected a section [row NAME] for each row")
    for name in before:
        if name in rows:
            raise UserError(f"{path}: '{name}': expected one section, row or before")
    everything = {**rows, **before}
    runnable = [name for name, row in everything.items() if not row.quoted]
    for row in everything.values():
        # A run before the table's has no columns, so it cannot start from a row.
        known = list(before) if row.name in before else runnable
        if row.first is not None:
            _check_words(path, f"row '{row.name}': first", [row.first], known)
    for row in everything.values():
        chain: List[str] = [row.name]
        while row.first is not None:
            if row.first in chain:
                raise UserError(
                    f"{path}: rows wait for one another: "
                    f"{' after '.join([*chain, row.first])}"
                )
            chain.append(row.first)
            row = everything[row.first]


def _check_words(
    path: pathlib.Path, name: str, given: Iterable[str], known: Iterable[str]
) -> None:
    for each in given:
        if each not in known:
            raise UserError(
                f"{path}: {name} '{each}': expected one of {', '.join(known)}"
            )


def _check_numbers(path: pathlib.Path, chart: str, columns: Iterable[str]) -> None:
    for each in columns:
        try:
            float(each)
        except ValueError:
            raise UserError(
                f"{path}: chart '{chart}' needs columns that are numbers, got "
                f"'{each}'\nexpected 'chart = bars'"
            ) from None
