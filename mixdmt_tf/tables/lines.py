"""The lines of a report: results of the finished runs beside the published ones."""

from __future__ import annotations

import dataclasses
import shlex
import statistics
from typing import AbstractSet, Any, Dict, Mapping, Optional, Sequence, Tuple

from mixdmt_tf.tables.cells import Cell
from mixdmt_tf.tables.table import Published, Table

# (row, column, seed) of runs that failed.
Failed = AbstractSet[Tuple[str, str, int]]
# (row, column) of a cell.
Place = Tuple[str, str]


@dataclasses.dataclass(frozen=True)
class Mean:
    """Mean of one number over seeds.

    Attributes:
        value: mean in percent.
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
        label: the paper's name of the row, marked if it is not in the paper's table.
        column: value of the column flag.
        published: the paper's number.
        means: means by key of the measure's numbers; None without a finished run.
        n: number of finished runs.
        failed: number of failed runs of this call.
        steps: steps of one run; None without a flagfile at this budget.
        hours: mean duration of the finished runs.
        command: command of the run with the first seed, or in parentheses the reason
            why there is none.
        beside: whether the row is not part of the paper's table.
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
        """Formats a number; 'failed' or '-' if there is none."""
        mean = self.means[key]
        if mean is None:
            return "failed" if self.failed else "-"
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{mean} (n={mean.n}{failed})" if with_n else str(mean)


def mean_of(values: Sequence[Optional[float]]) -> Optional[Mean]:
    """Computes mean and sample standard deviation of all values that are not None."""
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
    """Builds the lines of a table's report, row by row.

    Args:
        table: definition of the table.
        budget: one of `BUDGETS`.
        cells: cells of the table at this budget.
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
    definition = table.rows[row]
    if cell:
        how = command(table, cell)
    elif definition.quoted:
        how = "(quoted from the paper)"
    else:
        how = f"(no flagfile at the budget {budget})"
    seconds = mean_of([each.get("seconds") for each in results])
    # A row that is the same in all columns is run in only one of them.
    ran = (cell.row.name, cell.column) if cell else (row, column)
    steps = cell.steps if cell else None
    if cell and results and steps is None:  # other settings determine the length
        steps = results[0]["steps"]
    return Line(
        f"{definition.label} (beside)" if definition.beside else definition.label,
        column,
        definition.published[column],
        {
            number.key: mean_of([each.get(number.result) for each in results])
            for number in table.numbers
        },
        len(results),
        sum(ran == each[:2] for each in failed),
        steps,
        seconds.value / 3600 if seconds else None,
        how,
        definition.beside,
    )


def command(table: Table, cell: Cell) -> str:
    """Returns the command that repeats the cell's first run in a checkout."""
    flagfile = cell.flagfile.relative_to(table.folder.parents[2])
    words = ["bin/train", f"--flagfile={flagfile}", *cell.command(table.first_seed)[1:]]
    return shlex.join(word for word in words if not word.startswith("--workdir="))
