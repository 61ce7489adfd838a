"""A table of a paper beside our numbers: Markdown, CSV and a picture.

Written from the run folders alone, again after each run.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import os
import pathlib
import platform
import statistics
from typing import AbstractSet, Any, Dict, List, Mapping, Optional, Sequence, Tuple

from mixdmt_tf.experiments.cells import Cell
from mixdmt_tf.experiments.tables import SHOWN, Published, Table
from mixdmt_tf.files import write_atomically

Failed = AbstractSet[Tuple[str, str, int]]

_TITLES = {
    "error": "ours (averaged weights)",
    "raw": "raw weights",
    "median20": "median of last 20",
}


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
        label: what the paper calls the row.
        column: value of the column flag.
        published: the paper's number.
        means: by key of `SHOWN`; None where there is no finished run.
        n: finished runs.
        failed: runs that failed in this call.
        steps: of one run, None without a flagfile at this budget.
        hours: mean over the finished runs.
        command: of the run with seed 1.
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

    def number(self, key: str) -> str:
        """A number for people; 'failed' where there is none because of that."""
        mean = self.means[key]
        if mean is None:
            return "failed" if self.failed else "-"
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{mean} (n={mean.n}{failed})" if key == "error" else str(mean)


def mean_of(values: Sequence[Optional[float]]) -> Optional[Mean]:
    """Mean and sample standard deviation of those that are numbers."""
    numbers = [value for value in values if value is not None]
    if not numbers:
        return None
    std = statistics.stdev(numbers) if len(numbers) > 1 else None
    return Mean(statistics.fmean(numbers), std, len(numbers))


def write(
    table: Table,
    budget: str,
    cells: Mapping[Tuple[str, str], Cell],
    folder: pathlib.Path,
    failed: Failed = frozenset(),
) -> str:
    """Writes `table.md`, `table.csv` and `table.png`.

    Args:
        table: which.
        budget: one of `tables.BUDGETS`.
        cells: of the table at this budget.
        folder: where to, made if it is missing.
        failed: (row, column, seed) of runs that failed.

    Returns:
        The text of `table.md`.
    """
    from mixdmt_tf.experiments import charts

    folder.mkdir(parents=True, exist_ok=True)
    results = {place: list(cell.finished().values()) for place, cell in cells.items()}
    lines = {
        (row, column): _line(
            table, budget, row, column, cells, results.get((row, column), []), failed
        )
        for row in table.rows
        for column in table.columns
    }
    found = [each for several in results.values() for each in several]
    text = markdown(table, budget, list(lines.values()), found)
    write_atomically(folder / "table.md", text)
    write_atomically(folder / "table.csv", as_csv(table, list(lines.values())))
    charts.save(picture(table, budget, lines), folder / "table.png")
    return text


def _line(
    table: Table,
    budget: str,
    row: str,
    column: str,
    cells: Mapping[Tuple[str, str], Cell],
    results: Sequence[Dict[str, Any]],
    failed: Failed,
) -> Line:
    cell = cells.get((row, column))
    described = cell.row if cell else table.row(row, "paper")
    seconds = mean_of([each.get("seconds") for each in results])
    steps = cell.steps if cell else None
    if cell and results and steps is None:  # no setting says how many
        steps = results[0]["steps"]
    return Line(
        described.label,
        column,
        described.published[column],
        {
            key: mean_of([each.get(name) for each in results])
            for key, name in SHOWN.items()
        },
        len(results),
        sum((row, column) == each[:2] for each in failed),
        steps,
        seconds.value / 3600 if seconds else None,
        command(table, cell) if cell else f"(no flagfile at the budget {budget})",
    )


def command(table: Table, cell: Cell) -> str:
    """What somebody types in a checkout to repeat the cell's run with seed 1."""
    root = table.folder.parents[2]
    words = ["bin/train", f"--flagfile={cell.row.flagfile.relative_to(root)}"]
    if cell.column:
        words.append(f"--{table.flag}={cell.column}")
    if cell.first is not None:
        words.append(f"--init_from={cell.first.run_folder(1)}")
    return " ".join([*words, "--seed=1"])


def markdown(
    table: Table, budget: str, lines: Sequence[Line], results: Sequence[Dict[str, Any]]
) -> str:
    """The report as a table in Markdown, with what is needed to quote its numbers."""
    names = [table.flag] if table.flag else []
    titles = ["row", *names, "published", *_TITLES.values()]
    titles += ["steps", "hours a run", "command"]
    rows = [
        [
            line.label,
            *([line.column] if table.flag else []),
            line.published.text,
            *(_bold(line.number(key), key == table.shown) for key in _TITLES),
            "-" if line.steps is None else f"{line.steps:,}",
            "-" if line.hours is None else f"{line.hours:.2g}",
            line.command if line.command.startswith("(") else f"`{line.command}`",
        ]
        for line in lines
    ]
    cells = [titles, ["---"] * len(titles), *rows]
    text = [f"# {table.title}", ""]
    text += [f"| {' | '.join(_escaped(cell) for cell in row)} |" for row in cells]
    text += ["", _explanation(budget), "", *_origins(results)]
    return "\n".join(text) + "\n"


def _bold(text: str, shown: bool) -> str:
    return f"**{text}**" if shown and text != "-" else text


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


def _explanation(budget: str) -> str:
    text = (
        "Errors in percent on the test images: mean ± sample standard deviation over "
        "n seeds (1, 2, ...). Averaged and raw weights after the last step; the median "
        "is that of the last 20 evaluations of the averaged weights."
    )
    if budget != "paper":
        text += (
            f" Ours are at the budget '{budget}', the published ones at the paper's: "
            "rows may be compared with one another, not with what is published."
        )
    return text


def _origins(results: Sequence[Dict[str, Any]]) -> List[str]:
    """Versions and machines of the runs."""
    versions = {
        ", ".join(f"{name} {number}" for name, number in each["versions"].items())
        for each in results
        if each.get("versions")
    }
    machines = {each.get("machine") or machine() for each in results} or {machine()}
    return [f"Versions: {'; '.join(sorted(versions)) or '-'}."] + [
        f"Machine: {'; '.join(sorted(machines))}."
    ]


def machine() -> str:
    """System, processor and number of cores of the machine that we are on."""
    return f"{platform.platform()}, {os.cpu_count()} cores"


def as_csv(table: Table, lines: Sequence[Line]) -> str:
    """The report with one number in a cell; empty where there is none."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    numbers = [f"{key}_{part}" for key in SHOWN for part in ("mean", "std")]
    published = ["published", "published_std"]
    rest = ["steps", "hours", "command"]
    name = table.flag or "column"
    writer.writerow(["row", name, *published, "n", "failed", *numbers, *rest])
    for line in lines:
        means = [line.means[key] for key in SHOWN]
        parts = [part for m in means for part in ((m.value, m.std) if m else ("", ""))]
        writer.writerow(
            [line.label, line.column, line.published.value, line.published.std]
            + [line.n, line.failed, *parts, line.steps, line.hours, line.command]
        )
    return text.getvalue()


def picture(table: Table, budget: str, lines: Mapping[Tuple[str, str], Line]) -> Any:
    """The table's chart: lines over the columns, or bars."""
    from mixdmt_tf.experiments import charts

    one_column = table.columns == ("",)
    as_bars = table.picture == "bars" or one_column

    def series(label: str, places: Sequence[Tuple[float, Line]]) -> charts.Series:
        found = [(x, line.means[table.shown], line.published) for x, line in places]
        return charts.Series(
            label,
            [charts.Point(x, mean.value, mean.std) for x, mean, _ in found if mean],
            [
                charts.Point(x, given.value, given.std)
                for x, _, given in found
                if given.value is not None
            ],
        )

    which = "averaged weights" if table.shown == "error" else _TITLES[table.shown]
    y_label = f"test error in percent ({which}; budget: {budget})"
    if one_column:
        alone = [(float(n), lines[row, ""]) for n, row in enumerate(table.rows)]
        groups = [line.label for _, line in alone]
        return charts.bar_chart(
            [series("ours", alone)], groups, table.title, "", y_label
        )
    xs = [float(n if as_bars else value) for n, value in enumerate(table.columns)]
    drawn = [
        series(
            lines[row, table.columns[0]].label,
            [(x, lines[row, column]) for x, column in zip(xs, table.columns)],
        )
        for row in table.rows
    ]
    flag = str(table.flag)
    if as_bars:
        return charts.bar_chart(drawn, table.columns, table.title, flag, y_label)
    log = table.picture == "log_lines"
    return charts.line_chart(drawn, table.title, flag, y_label, x_ticks=xs, log_x=log)
