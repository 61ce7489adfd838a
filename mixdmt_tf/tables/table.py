"""The definition of a table of a paper: its rows, columns and published numbers.

A table such as `realmix/2` is the folder `flags/realmix/table_2/`. It holds
`table.ini`, which `table_ini` reads, one flagfile for each row at the paper's budget,
and in `cpu/` the same rows at the budget of two CPU cores. A row with different
settings in one column has a second flagfile for that column, such as `dmt-1000.flags`
beside `dmt.flags`. This module does not import TensorFlow.
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Dict, Iterable, List, Mapping, Optional, Tuple

from mixdmt_tf.errors import UsageError
from mixdmt_tf.settings import nearest
from mixdmt_tf.tables.measures import SHOWN, Measure, Number

BUDGETS = ("paper", "cpu")
CHARTS = ("bars", "lines", "log_lines")
WEIGHTS = ("coco", "imagenet")  # kinds of published weights
# Flags that take a file of weights: of the network, and of the second one.
WEIGHTS_FLAGS = ("pretrained", "pretrained_b")


@dataclasses.dataclass(frozen=True)
class Published:
    """A number published in a paper.

    Attributes:
        text: text as shown: '47.32 ± 4.71', 'not recoverable'.
        value: value in percent; None if there is none.
        std: standard deviation in percent; None if there is none.
    """

    text: str
    value: Optional[float] = None
    std: Optional[float] = None


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of a table, or a run that rows start from.

    Attributes:
        name: name of its flagfiles, without the suffix.
        label: name of the row in the paper.
        published: the paper's numbers, by column; '' in a table of one column.
        weights: kinds of published weights that its networks start from at the paper's
            budget, the second network's last, by column. At the CPU budget, networks
            start from random weights.
        seconds: estimated duration of one run, by budget, where known.
        first: name of the row whose run of the same seed must be finished before and is
            given as `--init_from`; None if there is none.
        beside: whether the row is not part of the paper's table.
        quoted: whether the row only has the paper's numbers and is never run.
        one_run: whether the row is the same in every column, so that one run serves
            all.
    """

    name: str
    label: str
    published: Mapping[str, Published]
    weights: Mapping[str, Tuple[str, ...]]
    seconds: Mapping[str, float]
    first: Optional[str] = None
    beside: bool = False
    quoted: bool = False
    one_run: bool = False


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of a paper, as described by `table.ini`.

    Attributes:
        name: name, as in `--table`.
        folder: folder that holds its files.
        title: title in one line.
        flag: the flag whose values are the columns; None in a table of one column.
        columns: values of that flag; ('',) in a table of one column.
        rows: rows by name, in the paper's order.
        before: runs, by name, that rows start from and that are not rows themselves.
        shown: a key of `SHOWN`: the number that is shown first and drawn.
        chart: one of `CHARTS`: the kind of chart.
        first_seed: the smallest seed of the runs.
    """

    name: str
    folder: pathlib.Path
    title: str
    flag: Optional[str]
    columns: Tuple[str, ...]
    rows: Mapping[str, Row]
    before: Mapping[str, Row]
    shown: str
    chart: str
    first_seed: int = 1

    @property
    def measure(self) -> Measure:
        """The measure of the table's numbers."""
        return SHOWN[self.shown]

    @property
    def numbers(self) -> Tuple[Number, ...]:
        """The numbers of a report, first the one comparable to the published ones."""
        every = self.measure.numbers
        return tuple(sorted(every, key=lambda number: number.key != self.shown))

    @property
    def runnable(self) -> Dict[str, Row]:
        """The rows that are not quoted, by name."""
        return {name: row for name, row in self.rows.items() if not row.quoted}

    def has(self, row: str, budget: str) -> bool:
        """Whether the row has a flagfile at this budget."""
        return self.flagfile(row, budget).is_file()

    def flagfile(self, row: str, budget: str, column: str = "") -> pathlib.Path:
        """Returns the flagfile of a row, or that of the column if there is one."""
        folder = self.folder if budget == "paper" else self.folder / budget
        of_column = folder / f"{row}-{in_paths(column)}.flags"
        return of_column if of_column.is_file() else folder / f"{row}.flags"


def in_paths(column: str) -> str:
    """Converts a column's value to a part of file names: '1/20' gives '1_20'."""
    return column.replace("/", "_")


def choose(kind: str, given: str, known: Iterable[str]) -> Tuple[str, ...]:
    """Selects the names given by a flag such as `--rows=a,b`.

    Args:
        kind: name of the flag.
        given: names separated by commas; '' for all.
        known: the valid names.

    Returns:
        The selected names, in the order of `known`.

    Raises:
        UsageError: for an unknown name; the message lists the valid ones.
    """
    known = tuple(known)
    wanted = [each.strip() for each in given.split(",") if each.strip()]
    for each in wanted:
        if each not in known:
            more = alternatives(each, known, f"--{kind}=")
            raise UsageError(f"--{kind}={given}: the table has no {each}{more}")
    return tuple(each for each in known if not wanted or each in wanted)


def alternatives(given: str, known: Iterable[str], flag: str) -> str:
    """Returns more lines for a message: the valid names and the nearest one."""
    known = list(known)
    lines: List[str] = [f"\nthere are: {', '.join(known) or 'none'}"]
    near = nearest(given, known) if given else None
    return "".join([*lines, f"\ndid you mean {flag}{near}?" if near else ""])
