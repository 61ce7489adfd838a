"""The definition of a table of a paper: its rows, columns and published numbers.

A table such as `realmix/2` is the folder `flags/realmix/table_2/`. It holds
`table.ini`, which `table_ini` reads, one flagfile for each row at the paper's budget,
and in `cpu/` the same rows at the budget of two CPU cores. A row whose settings differ
in one column has a second flagfile for it, such as `dmt-1000.flags` beside `dmt.flags`.
Nothing here imports TensorFlow.
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
    """One number of a paper.

    Attributes:
        text: as it is shown: '47.32 ± 4.71', 'not recoverable'.
        value: in percent, None if there is none.
        std: standard deviation in percent, None if there is none.
    """

    text: str
    value: Optional[float] = None
    std: Optional[float] = None


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of a table, or a run that rows start from.

    Attributes:
        name: of its flagfiles, without the ending.
        label: what the paper calls it.
        published: the paper's numbers, by column; '' in a table of one column.
        weights: kinds of published weights that its networks start from at the paper's
            budget, the second network's last, by column. At the budget of a CPU
            networks start from random weights.
        seconds: estimated duration of one run, by budget, where it is known.
        first: name of the row whose run of the same seed must be finished before and is
            passed on as `--init_from`, None if there is none.
        beside: whether the paper's table lacks it.
        quoted: whether it only has the paper's numbers and is never run.
        one_run: whether it is the same in every column, so that one run serves all.
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
    """A table of a paper, as `table.ini` describes it.

    Attributes:
        name: as in `--table`.
        folder: that holds its files.
        title: one line.
        flag: the flag whose values are the columns, None in a table of one column.
        columns: its values, ('',) in a table of one column.
        rows: by name, in the paper's order.
        before: runs that rows start from and that are no rows, by name.
        shown: a key of `SHOWN`: the number that stands first and is drawn.
        chart: one of `CHARTS`: how it is drawn.
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
        """What the table's numbers are."""
        return SHOWN[self.shown]

    @property
    def numbers(self) -> Tuple[Number, ...]:
        """Those of a report; first the one to be compared with what is published."""
        every = self.measure.numbers
        return tuple(sorted(every, key=lambda number: number.key != self.shown))

    @property
    def runnable(self) -> Dict[str, Row]:
        """The rows that are not quoted, by name."""
        return {name: row for name, row in self.rows.items() if not row.quoted}

    def has(self, row: str, budget: str) -> bool:
        """Whether there is a flagfile of the row at this budget."""
        return self.flagfile(row, budget).is_file()

    def flagfile(self, row: str, budget: str, column: str = "") -> pathlib.Path:
        """The flagfile of a row: that of the column if there is one."""
        folder = self.folder if budget == "paper" else self.folder / budget
        of_column = folder / f"{row}-{in_paths(column)}.flags"
        return of_column if of_column.is_file() else folder / f"{row}.flags"


def in_paths(column: str) -> str:
    """A column's value as a part of file names: '1/20' gives '1_20'."""
    return column.replace("/", "_")


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
            more = alternatives(each, known, f"--{kind}=")
            raise UsageError(f"--{kind}={given}: the table has no {each}{more}")
    return tuple(each for each in known if not wanted or each in wanted)


def alternatives(given: str, known: Iterable[str], flag: str) -> str:
    """More lines of a message: what there is, and what was probably meant."""
    known = list(known)
    lines: List[str] = [f"\nthere are: {', '.join(known) or 'none'}"]
    near = nearest(given, known) if given else None
    return "".join([*lines, f"\ndid you mean {flag}{near}?" if near else ""])
