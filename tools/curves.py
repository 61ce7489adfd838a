#!/usr/bin/env python3
"""Stores learning curves of runs in docs/results/curves/, and draws results.

    tools/curves.py add NAME LABEL RUN [RUN ...]
    tools/curves.py draw NAME TITLE
    tools/curves.py labels NAME TITLE

`add` reads the test score at each evaluation from the runs' metrics.csv, with the
seconds of training until then, and writes them to docs/results/curves/NAME.json, in
place of earlier curves of that label. `draw` draws them in docs/images/NAME.png: the
score against minutes, a line for each run. `labels` draws the same file from
docs/results/NAME.json (tools/results.py), whose columns are numbers of labels: the
score against labels, a line for each row.
"""

from __future__ import annotations

import csv
import json
import pathlib
import re
import shlex
import statistics
import sys
from typing import Any, Dict, List, Sequence

ROOT = pathlib.Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "results"
FOLDER = RESULTS / "curves"
COLUMN = re.compile(r"([0-9,]+) labels")
IMAGES = ROOT / "docs" / "images"
SCORES = {"test_error": "test error in percent", "test_miou": "mean IoU in percent"}
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)  # minutes


def curve(run: pathlib.Path) -> Dict[str, Any]:
    """Returns the evaluations of a run, and what is needed to repeat it."""
    with open(run / "metrics.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["seconds"]]
    score = next(name for name in SCORES if rows[0].get(name))
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    return {
        "score": score,
        "seed": results["seed"],
        "machine": results["machine"],
        "points": [
            [int(r["step"]), round(float(r["seconds"]), 1), round(float(r[score]), 2)]
            for r in rows
        ],
    }


def add(name: str, label: str, runs: Sequence[pathlib.Path]) -> None:
    """Adds the curves of runs to a file, in place of those of the same label."""
    path = FOLDER / f"{name}.json"
    known: Dict[str, List[Any]] = {}
    if path.exists():
        known = json.loads(path.read_text(encoding="utf-8"))
    known[label] = [curve(run) for run in runs]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


def draw(name: str, title: str) -> pathlib.Path:
    """Draws the curves of a file; returns the picture's path."""
    from mixdmt_tf import files, plots

    known = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    series = [
        plots.Series(
            label if n == 0 else "",
            [plots.Point(seconds / 60, score) for _, seconds, score in each["points"]],
            color=plots.COLORS[place % len(plots.COLORS)],
            marker="",
        )
        for place, (label, curves) in enumerate(known.items())
        for n, each in enumerate(curves)
    ]
    times = [point.x for each in series for point in each.points]
    ticks = [t for t in TICKS if min(times) <= t <= max(times)]
    score = next(iter(known.values()))[0]["score"]
    chart = plots.LineChart(
        series, title, "minutes of training", SCORES[score], ticks, log_x=True
    )
    path = IMAGES / f"{name}.png"
    files.write_png_atomically(path, plots.image(chart))
    return path


def draw_labels(name: str, title: str) -> pathlib.Path:
    """Draws scores against the number of labels; returns the picture's path."""
    from mixdmt_tf import files, plots

    known = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    score = next(each for each in SCORES if each in known[0])
    found: Dict[str, Dict[int, List[float]]] = {}
    for each in known:
        labels = int(COLUMN.fullmatch(each["column"])[1].replace(",", ""))
        row = found.setdefault(each["row"], {})
        row.setdefault(labels, []).append(each[score])
    series = [
        plots.Series(label, [_point(x, row[x]) for x in sorted(row)])
        for label, row in found.items()
    ]
    ticks = sorted({x for row in found.values() for x in row})
    seeds = sorted({each["seed"] for each in known})
    note = f"seeds {', '.join(map(str, seeds))}"
    points = [values for row in found.values() for values in row.values()]
    if any(len(values) < len(seeds) for values in points):
        note += ", of some points fewer"
    chart = plots.LineChart(
        series, title, "labelled images", SCORES[score], ticks, log_x=True, note=note
    )
    path = IMAGES / f"{name}.png"
    files.write_png_atomically(path, plots.image(chart))
    return path


def _point(x: int, scores: Sequence[float]) -> Any:
    """Returns the mean over seeds, with standard deviation if there are several."""
    from mixdmt_tf import plots

    spread = statistics.stdev(scores) if len(scores) > 1 else None
    return plots.Point(x, statistics.fmean(scores), spread)


def main(argv: Sequence[str]) -> int:
    """Runs the command."""
    if argv[:1] == ["add"] and len(argv) > 3:
        add(argv[1], argv[2], [pathlib.Path(each) for each in argv[3:]])
    elif argv[:1] == ["draw"] and len(argv) == 3:
        print(draw(argv[1], argv[2]))
    elif argv[:1] == ["labels"] and len(argv) == 3:
        print(draw_labels(argv[1], argv[2]))
    else:
        print(__doc__, file=sys.stderr)
        print(f"got: {shlex.join(argv)}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
