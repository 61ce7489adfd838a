"""The lines of a report: numbers of the finished runs beside what is published."""

from __future__ import annotations

import dataclasses
import shlex
import statistics
from typing import AbstractSet, Any, Dict, Mapping, Optional, Sequence, Tuple, Union

from mixdmt_tf.tables.cells import Cell
from mixdmt_tf.tables.table import Published, Quoted, Row, Table

# (row, column, seed) of runs that failed.
Failed = AbstractSet[Tuple[str, str, int]]
# By row and column.
Place = Tuple[str, str]


@dataclasses.dataclass(frozen=True)
class Mean:
    """Mean of one number over seeds.

    Attributes:
        value: in percent.
        std: sample standard deviation (n - 1), None for n = 1.
        n: number of seeds.
    """

    value: float
    std: Optional[float]
    n: int

    def __str__(self) -> str:
        spread = "" if self.std is None else f" ± {self.std:.2f}"
        return f"{self.value:.2f}{spread}"


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of the report: a row of the table in one column.

    Attributes:
        label: what the paper calls the row, and whether its table lacks it.
        column: value of the column flag.
        published: the paper's number.
        means: by key of the measure's numbers; None where there is no finished run.
        n: finished runs.
        failed: runs that failed in this call.
        steps: of one run, None without a flagfile at this budget.
        hours: mean over the finished runs.
        command: of the run with the first seed, or in parentheses why there is none.
        beside: whether the paper's table lacks the row.
    """

    label: str
    column: str
    published: Published
    means: Mapping[str, Optional[Mean]]
    n: int
    failed: int
    steps: Optional[int]
    hours: Optional[float]
    command: str
    beside: bool

    def number(self, key: str, with_n: bool = False) -> str:
        """A number for people; 'failed' where there is none because of that."""
        mean = self.means[key]
        if mean is None:
            return "failed" if self.failed else "-"
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{mean} (n={mean.n}{failed})" if with_n else str(mean)


def mean_of(values: Sequence[Optional[float]]) -> Optional[Mean]:
    """Mean and sample standard deviation of those that are numbers."""
    numbers = [value for value in values if value is not None]
    if not numbers:
        return None
    std = statistics.stdev(numbers) if len(numbers) > 1 else None
    return Mean(statistics.fmean(numbers), std, len(numbers))


def gather(
    table: Table,
    budget: str,
    cells: Mapping[Place, Cell],
    results: Mapping[Place, Sequence[Dict[str, Any]]],
    failed: Failed,
) -> Dict[Place, Line]:
    """All lines of a table, row by row.

    Args:
        table: which.
        budget: one of `tables.BUDGETS`.
        cells: of the table at this budget.
        results: `results.json` of the finished runs of each cell.
        failed: runs that failed.
    """
    return {
        (row, column): _line(
            table, budget, row, column, cells, results.get((row, column), []), failed
        )
        for row in table.rows
        for column in table.columns
    }


def _line(
    table: Table,
    budget: str,
    row: str,
    column: str,
    cells: Mapping[Place, Cell],
    results: Sequence[Dict[str, Any]],
    failed: Failed,
) -> Line:
    cell = cells.get((row, column))
    described: Union[Row, Quoted]
    if cell:
        described, how = cell.row, command(table, cell)
    elif row in table.quoted:
        described, how = table.quoted[row], "(quoted from the paper)"
    else:
        described = table.row(row, "paper")
        how = f"(no flagfile at the budget {budget})"
    beside = isinstance(described, Row) and described.beside
    seconds = mean_of([each.get("seconds") for each in results])
    steps = cell.steps if cell else None
    if cell and results and steps is None:  # no setting says how many
        steps = results[0]["steps"]
    return Line(
        f"{described.label} (beside)" if beside else described.label,
        column,
        described.published[column],
        {
            number.key: mean_of([each.get(number.result) for each in results])
            for number in table.numbers
        },
        len(results),
        sum((row, column) == each[:2] for each in failed),
        steps,
        seconds.value / 3600 if seconds else None,
        how,
        beside,
    )


def command(table: Table, cell: Cell) -> str:
    """What somebody types in a checkout to repeat the cell's first run."""
    flagfile = cell.row.flagfile.relative_to(table.folder.parents[2])
    words = ["bin/train", f"--flagfile={flagfile}", *cell.command(table.first_seed)[1:]]
    return shlex.join(word for word in words if not word.startswith("--workdir="))
