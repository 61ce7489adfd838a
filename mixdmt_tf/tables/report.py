"""Reports: a table of a paper with our results, as Markdown, CSV and a chart.

A report depends only on the run folders and is written again after each run.
"""

from __future__ import annotations

import csv
import io
import pathlib
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from mixdmt_tf import plots
from mixdmt_tf.files import write_atomically, write_png_atomically
from mixdmt_tf.runs.environment import machine
from mixdmt_tf.tables.cells import Cell
from mixdmt_tf.tables.lines import Failed, Line, Place, gather
from mixdmt_tf.tables.table import Table


def write(
    table: Table,
    budget: str,
    cells: Mapping[Place, Cell],
    folder: pathlib.Path,
    failed: Failed = frozenset(),
) -> str:
    """Writes `table.md`, `table.csv` and `table.png`.

    Args:
        table: definition of the table.
        budget: one of `BUDGETS`.
        cells: cells of the table at this budget.
        folder: folder for the report, created if missing.
        failed: (row, column, seed) of runs that failed.

    Returns:
        The text of `table.md`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    results = {place: list(cell.finished().values()) for place, cell in cells.items()}
    lines = gather(table, budget, cells, results, failed)
    of_all_cells = [each for several in results.values() for each in several]
    text = markdown(table, budget, list(lines.values()), of_all_cells)
    write_atomically(folder / "table.md", text)
    write_atomically(folder / "table.csv", as_csv(table, list(lines.values())))
    pixels = plots.image(chart(table, budget, lines))
    write_png_atomically(folder / "table.png", pixels)
    return text


def markdown(
    table: Table, budget: str, lines: Sequence[Line], results: Sequence[Dict[str, Any]]
) -> str:
    """Formats the report as Markdown, with versions and machines."""
    names = [table.flag] if table.flag else []
    numbers = table.numbers
    shown, *others = (number.title for number in numbers)
    titles = ["row", *names, "published", f"ours ({shown})", *others]
    titles += ["steps", "hours a run", "command"]
    rows = [
        [
            line.label,
            *([line.column] if table.flag else []),
            line.published.text,
            *(
                _bold(line.number(each.key, each is numbers[0]), each is numbers[0])
                for each in numbers
            ),
            "-" if line.steps is None else f"{line.steps:,}",
            "-" if line.hours is None else f"{line.hours:.2g}",
            line.command if line.command.startswith("(") else f"`{line.command}`",
        ]
        for line in lines
    ]
    cells = [titles, ["---"] * len(titles), *rows]
    text = [f"# {table.title}", ""]
    text += [f"| {' | '.join(_escaped(cell) for cell in row)} |" for row in cells]
    text += ["", _explanation(table, budget, lines), "", *_origins(results)]
    return "\n".join(text) + "\n"


def _bold(text: str, shown: bool) -> str:
    return f"**{text}**" if shown and text != "-" else text


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


def _explanation(table: Table, budget: str, lines: Sequence[Line]) -> str:
    text = (
        f"{table.measure.explanation} In bold and drawn: {table.numbers[0].title}, "
        "which is what the published numbers are."
    )
    if any(line.beside for line in lines):
        text += (
            " The rows marked (beside) are not in the paper's table; their published "
            "numbers, if any, are from elsewhere."
        )
    if budget != "paper":
        text += (
            f" Ours are at the budget '{budget}', the published ones at the paper's: "
            "rows may be compared with one another, not with what is published."
        )
    return text


def _origins(results: Sequence[Dict[str, Any]]) -> List[str]:
    """Lists the versions and machines of the runs, a line each."""
    versions = {
        ", ".join(f"{name} {number}" for name, number in each["versions"].items())
        for each in results
        if each.get("versions")
    }
    machines = {each.get("machine") or machine() for each in results} or {machine()}
    return [f"Versions: {'; '.join(sorted(versions)) or '-'}."] + [
        f"Machine: {'; '.join(sorted(machines))}."
    ]


def as_csv(table: Table, lines: Sequence[Line]) -> str:
    """Formats the report as CSV, one number per field, empty if there is none."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    keys = [number.key for number in table.numbers]
    numbers = [f"{key}_{part}" for key in keys for part in ("mean", "std")]
    published = ["published", "published_std"]
    rest = ["steps", "hours", "command"]
    name = table.flag or "column"
    writer.writerow(["row", name, *published, "n", "failed", *numbers, *rest])
    for line in lines:
        means = [line.means[key] for key in keys]
        parts = [part for m in means for part in ((m.value, m.std) if m else ("", ""))]
        writer.writerow(
            [line.label, line.column, line.published.value, line.published.std]
            + [line.n, line.failed, *parts, line.steps, line.hours, line.command]
        )
    return text.getvalue()


def chart(table: Table, budget: str, lines: Mapping[Place, Line]) -> plots.Chart:
    """Builds the chart of the table: lines over the columns, or bars."""
    one_column = table.columns == ("",)
    as_bars = table.chart == "bars" or one_column

    def series(label: str, places: Sequence[Tuple[float, Line]]) -> plots.Series:
        means = [(x, line.means[table.shown]) for x, line in places]
        published = [(x, line.published) for x, line in places]
        return plots.Series(
            label,
            [plots.Point(x, mean.value, mean.std) for x, mean in means if mean],
            [
                plots.Point(x, given.value, given.std)
                for x, given in published
                if given.value is not None
            ],
        )

    measure = table.measure
    which = table.numbers[0].title
    y_label = f"test {measure.name} in percent ({which}; budget: {budget})"
    if one_column:
        alone = [(float(n), lines[row, ""]) for n, row in enumerate(table.rows)]
        groups = [line.label for _, line in alone]
        return plots.BarChart([series("ours", alone)], table.title, "", y_label, groups)
    xs = [float(n if as_bars else value) for n, value in enumerate(table.columns)]
    drawn = [
        series(
            lines[row, table.columns[0]].label,
            [(x, lines[row, column]) for x, column in zip(xs, table.columns)],
        )
        for row in table.rows
    ]
    labels = (table.title, str(table.flag), y_label)
    if as_bars:
        return plots.BarChart(drawn, *labels, table.columns)
    return plots.LineChart(drawn, *labels, xs, log_x=table.chart == "log_lines")
