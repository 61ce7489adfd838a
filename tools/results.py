#!/usr/bin/env python3
"""Stores results of runs in docs/results/, and writes the tables of docs/results.md.

    tools/results.py add NAME ROW COLUMN RUN [RUN ...]
    tools/results.py write

`add` copies the main numbers of the runs' results.json to docs/results/NAME.json, in
place of earlier ones of the same row, column and seed. `write` updates each table in
docs/results.md between `<!-- results NAME -->` and `<!-- end -->`. Tables show the test
score, or with `<!-- results NAME ood_auroc -->` another number; an entry with several
numbers per run, such as `ood_aurocs`, has a column for each. If a cell has fewer seeds
than its row, it names them.
"""

from __future__ import annotations

import json
import pathlib
import re
import shlex
import statistics
import sys
from typing import Any, Dict, Iterator, List, Optional, Sequence

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "results"
PAGE = ROOT / "docs" / "results.md"
MEASURES = ("test_error", "test_miou")
KEPT = (
    "algorithm",
    "dataset",
    "seed",
    "steps",
    "seconds",
    *(f"{measure}{weights}" for measure in MEASURES for weights in ("", "_raw")),
    "validation_error",
    "validation_miou",
    "base_error",
    "ood_auroc",
    "ood_aurocs",
    "ood_rate_estimate",
    "ood_rate_interval",
    "machine",
    "versions",
)
OF_ROUNDS = (
    "stage",
    "pseudo_accuracy",
    "accuracy_of_all",
    "weight_right",
    "weight_wrong",
    "agree",
    "validation_error",
    "validation_miou",
    *MEASURES,
)
LOCAL = ("workdir", "data_dir", "cache_dir", "split", "init_from", "pseudo_labels")
LOCAL += ("ood_scores_from", "ood_scores")
REGION = re.compile(
    r"(<!-- results (\S+)(?: (\S+))? -->\n).*?(<!-- end -->)", re.DOTALL
)


def kept(run: pathlib.Path) -> Dict[str, Any]:
    """Returns a run's scores, its machine, and the flags to repeat it."""
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    found = {key: results[key] for key in KEPT if results.get(key) is not None}
    flags = results["flags"]
    found["flags"] = {key: flags[key] for key in flags if key not in LOCAL}
    if "rounds" in results:
        found["rounds"] = [
            {key: each.get(key) for key in OF_ROUNDS if each.get(key) is not None}
            for each in results["rounds"]
        ]
    return found


def add(name: str, row: str, column: str, runs: Sequence[pathlib.Path]) -> None:
    """Adds runs to a file of results."""
    path = FOLDER / f"{name}.json"
    rows: List[Dict[str, Any]] = []
    if path.exists():
        rows = json.loads(path.read_text(encoding="utf-8"))
    for run in runs:
        entry = {"row": row, "column": column, **kept(run)}
        place = (row, column, entry["seed"])
        rows = [r for r in rows if (r["row"], r["column"], r["seed"]) != place]
        rows.append(entry)
    FOLDER.mkdir(exist_ok=True)
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def cell(values: Dict[int, float], seeds: Sequence[int]) -> str:
    """Formats a cell: mean, and standard deviation if there are several values.

    Args:
        values: by seed.
        seeds: of the row; if the cell has fewer, it names its seeds.
    """
    if not values:
        return ""
    text = f"{statistics.fmean(values.values()):.2f}"
    if len(values) > 1:
        text += f" ± {statistics.stdev(values.values()):.2f}"
    if set(values) == set(seeds):
        return text
    return f"{text} ({', '.join(map(str, sorted(values)))})"


def table(rows: Sequence[Dict[str, Any]], measure: Optional[str] = None) -> str:
    """Returns a Markdown table, with rows and columns in order of appearance."""
    measure = measure or next(m for m in MEASURES if m in rows[0])
    if any(isinstance(each.get(measure), dict) for each in rows):
        rows = list(one_by_one(rows, measure))
    names = list(dict.fromkeys(each["row"] for each in rows))
    columns = list(dict.fromkeys(each["column"] for each in rows))
    lines = [["", *columns, "seeds", "minutes"], ["---"] * (len(columns) + 3)]
    for name in names:
        own = [each for each in rows if each["row"] == name]
        seeds = sorted({each["seed"] for each in own})
        cells = []
        for column in columns:
            found = [e for e in own if e["column"] == column and measure in e]
            cells.append(cell({e["seed"]: e[measure] for e in found}, seeds))
        minutes = statistics.fmean(each["seconds"] for each in own) / 60
        lines.append([name, *cells, ", ".join(map(str, seeds)), f"{minutes:.1f}"])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def one_by_one(
    rows: Sequence[Dict[str, Any]], measure: str
) -> Iterator[Dict[str, Any]]:
    """Splits results with several numbers into results with one, a column for each."""
    for each in rows:
        for name, value in each.get(measure, {}).items():
            row = f"{each['row']}, {each['column']}"
            yield {**each, "row": row, "column": name, measure: value}


def rewritten(page: str) -> str:
    """Returns the page with updated tables."""

    def region(match: "re.Match[str]") -> str:
        path = FOLDER / f"{match[2]}.json"
        rows = json.loads(path.read_text(encoding="utf-8"))
        return f"{match[1]}\n{table(rows, match[3])}\n{match[4]}"

    return REGION.sub(region, page)


def main(argv: Sequence[str]) -> int:
    """Runs the command."""
    if argv[:1] == ["add"] and len(argv) > 4:
        add(argv[1], argv[2], argv[3], [pathlib.Path(each) for each in argv[4:]])
    elif list(argv) != ["write"]:
        print(__doc__, file=sys.stderr)
        print(f"got: {shlex.join(argv)}", file=sys.stderr)
        return 2
    page = rewritten(PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
