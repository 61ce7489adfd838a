"""The report of a comparison: Markdown, CSV, JSON and pictures."""

from __future__ import annotations

import csv
import io
import json
import pathlib
from typing import Any, List, Mapping, Sequence

import numpy as np

from mixdmt_tf import plots
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.files import expanded, write_atomically, write_png_atomically
from mixdmt_tf.tables.contest import Contestant, Standing, ranking

POINTS = 24  # of a curve
MEASURES = {
    "test_error": "test error",
    "test_miou": "test mean IoU",
    "validation_error": "validation error",
    "validation_miou": "validation mean IoU",
}


def write(
    contestants: Sequence[Contestant], folder: pathlib.Path, title: str, note: str
) -> str:
    """Writes `comparison.md`, `.csv`, `.json` and `.png`.

    Args:
        contestants: the methods.
        folder: folder for the report.
        title: title of the report.
        note: text below the table, such as the command.

    Returns:
        The text of `comparison.md`.
    """
    results = {each.name: each.finished() for each in contestants}
    every = [run for runs in results.values() for run in runs.values()]
    measure = measured(every)
    standings = ranking(results, measure)
    damaged = [error for each in contestants for error in each.curves(measure)[1]]
    notes = [note, *(f"The curves are without a run: {error}" for error in damaged)]
    text = markdown(standings, measure, title, "\n\n".join(notes), every)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "comparison.md", text)
    write_atomically(folder / "comparison.csv", as_csv(results, measure))
    write_atomically(folder / "comparison.json", json.dumps(kept(results), indent=1))
    pixels = plots.image(*charts(contestants, standings, measure, title))
    write_png_atomically(folder / "comparison.png", pixels)
    return text


def measured(runs: Sequence[Mapping[str, Any]]) -> str:
    """Returns the measure that all runs have, on test images if possible.

    Segmentation data sets without test images are tested on validation images; then the
    measure on validation images is used, as in `metrics.csv`.

    Raises:
        UserError: if there are neither test nor validation images.
    """
    tested = all(run.get("test_set") != "validation" for run in runs)
    for measure in MEASURES if tested else [m for m in MEASURES if "test" not in m]:
        if all(run.get(measure) is not None for run in runs):
            return measure
    raise UserError(
        "there is nothing to rank by: no test and no validation images.\n"
        "Hold some out, such as --validation=100."
    )


def require_measure(data: Mapping[str, Any]) -> None:
    """Checks before the first run that a folder of images has images to rank by.

    Args:
        data: values of the data settings.

    Raises:
        UsageError: if it has not.
    """
    if data["dataset"] != "folder" or data["labels"] is not None or data["validation"]:
        return
    root = expanded(data["data_dir"])
    if not any((root / part).is_dir() for part in ("val", "test")):
        raise UsageError(
            f"{root} has no test/ and no val/, and all labels are trained on: there is "
            "nothing to rank by.\nHold some labels out, such as --validation=100."
        )


def markdown(
    standings: Sequence[Standing],
    measure: str,
    title: str,
    note: str,
    runs: Sequence[Mapping[str, Any]],
) -> str:
    """Formats the ranking as a Markdown table."""
    rows = [
        [
            "rank",
            "method",
            f"{MEASURES[measure]} in %",
            "behind the first",
            "runs",
            "steps",
            "minutes",
        ],
        ["---"] * 7,
    ]
    for place, each in enumerate(standings, start=1):
        behind = "" if each.behind is None else str(each.behind)
        if each.behind is not None and not each.behind.excludes_zero:
            behind += " (may be chance)"
        rows.append(
            [
                str(place),
                f"`{each.name}`",
                f"**{each.score}**",
                behind,
                str(each.score.n),
                f"{each.steps:,.0f}",
                f"{each.minutes:.1f}",
            ]
        )
    machines = sorted({str(run["machine"]) for run in runs})
    return "\n".join(
        [
            f"# {title}",
            "",
            *(f"| {' | '.join(row)} |" for row in rows),
            "",
            "Mean over the seeds ± half the 95 % confidence interval (Student's t); "
            "'behind the first' is of the differences between runs of the same seed.",
            "",
            note,
            "",
            f"Machine: {'; '.join(machines) or '-'}.",
            "",
        ]
    )


def as_csv(results: Mapping[str, Mapping[int, Mapping[str, Any]]], measure: str) -> str:
    """Formats the results as CSV, with one line per run."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", "seed", measure, f"{measure}_raw", "steps", "seconds"])
    for name, runs in results.items():
        for seed, run in runs.items():
            raw = run.get(f"{measure}_raw")
            writer.writerow(
                [name, seed, run[measure], raw, run["steps"], run["seconds"]]
            )
    return text.getvalue()


def kept(results: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> List[Any]:
    """Returns scores, settings, versions and machine of each run."""
    return [
        {key: value for key, value in run.items() if key != "rounds"}
        for runs in results.values()
        for run in runs.values()
    ]


def charts(
    contestants: Sequence[Contestant],
    standings: Sequence[Standing],
    measure: str,
    title: str,
) -> List[plots.Chart]:
    """Builds charts of the final scores, as bars, and of the scores over time."""
    from matplotlib.ticker import MaxNLocator

    name = MEASURES[measure]
    names = [each.name for each in standings]
    bars = plots.BarChart(
        [
            plots.Series(
                "mean over the seeds",
                [
                    plots.Point(float(n), each.score.mean, each.score.deviation)
                    for n, each in enumerate(standings)
                ],
            )
        ],
        title,
        "",
        f"{name} in percent",
        names,
    )
    by_name = {each.name: each for each in contestants}
    drawn = [plots.Series(n, _mean_curve(by_name[n], measure)) for n in names]
    longest = max((p.x for each in drawn for p in each.points), default=1.0)
    curves = plots.LineChart(
        drawn,
        f"{name} over time, mean over the seeds",
        "minutes of training",
        f"{name} in percent",
        list(MaxNLocator(6).tick_values(0, longest)),
    )
    return [bars, curves]


def _mean_curve(contestant: Contestant, measure: str) -> List[plots.Point]:
    """Averages the curves over seeds; each run keeps its last value until the end."""
    found, _ = contestant.curves(measure)
    curves = [np.array(each) for each in found if each]
    if not curves:
        return []
    first = max(each[0, 0] for each in curves)
    last = max(each[-1, 0] for each in curves)
    times = sorted({t for each in curves for t in each[:, 0] if t >= first} | {last})
    if len(times) > POINTS:
        times = list(np.linspace(first, last, POINTS))
    values = [
        np.mean([c[np.searchsorted(c[:, 0], t, "right") - 1, 1] for c in curves])
        for t in times
    ]
    return [plots.Point(t / 60, float(v)) for t, v in zip(times, values)]
