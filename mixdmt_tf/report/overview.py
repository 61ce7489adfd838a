"""The first sections of a report: settings, scores and curves of runs of both tasks."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from mixdmt_tf import algorithms
from mixdmt_tf.plots import Point, Series
from mixdmt_tf.progress import duration
from mixdmt_tf.report import drawing
from mixdmt_tf.report.page import Block, Cell, Chart, Section, Table, Text
from mixdmt_tf.report.run import Run, command
from mixdmt_tf.runs import tags

_FEW = 3  # up to this many warnings are shown directly; more are folded away
NAMES = {"error": "error", "miou": "mean IoU"}


def number(value: Optional[float], unit: str = " %") -> str:
    """Formats a number; 'unknown' for None."""
    return "unknown" if value is None else f"{value:,.2f}{unit}"


def sections(runs: Sequence[Run]) -> List[Section]:
    """Returns the sections 'What was run', scores and curves."""
    found = [what_was_run(runs), scores(runs), curves(runs)]
    return [each for each in found if each.blocks]


def what_was_run(runs: Sequence[Run]) -> Section:
    """Shows the main settings, and the command that repeats each run."""
    columns = [_facts(each) for each in runs]
    names = list(dict.fromkeys(name for column in columns for name in column))
    rows = [[name, *(column.get(name, "") for column in columns)] for name in names]
    caption = "The runs" if len(runs) > 1 else "The run"
    table = Table(caption, ["", *(each.name for each in runs)], rows, "words")
    blocks = [Block([table])]
    for run in runs:
        warned = run.results.get("warnings", [])
        few = len(warned) <= _FEW
        blocks.append(
            Block(
                [
                    *(Text(f"Warning: {each}") for each in warned if few),
                    *([] if few else [_folded(warned)]),
                    Text("The command that repeats it, in a folder of its own:"),
                    Text(command(run.experiment), code=True),
                    Text(
                        run.experiment.flagfile(), True, "All settings, as a flagfile"
                    ),
                ],
                run.name if len(runs) > 1 else "",
            )
        )
    return Section("What was run", blocks)


def _folded(warned: Sequence[str]) -> Text:
    return Text("\n".join(warned), True, f"{len(warned)} warnings of the run")


def _facts(run: Run) -> Dict[str, str]:
    results, experiment = run.results, run.experiment
    facts = {
        "method": str(results["algorithm"]),
        "data set": str(results["dataset"]),
        "labelled images": f"{results['labels']:,}",
        "network": experiment.run.network,
        "steps": f"{results['steps']:,}",
        "batch of labelled images": f"{experiment.run.batch:,}",
        "seed": str(results["seed"]),
        "precision": experiment.run.precision,
        "time": duration(results["seconds"]),
    }
    if results.get("mean_of"):
        names = ", ".join(each.replace("_", " ") for each in results["mean_of"])
        facts["the result is the mean of the weights of"] = names
    elif results.get("result_of"):
        facts["the result is that of"] = results["result_of"].replace("_", " ")
    if not run.finished:
        facts["state"] = "not finished: scores are those of the last evaluation"
    versions = results.get("versions", {})
    facts["software"] = ", ".join(f"{k} {v}" for k, v in versions.items())
    facts["machine"] = str(results.get("machine", ""))
    return facts


def scores(runs: Sequence[Run]) -> Section:
    """Shows errors or mean IoU, and the scores of training on the labels alone."""
    blocks = []
    for measure, name in NAMES.items():
        rows: List[List[Any]] = []
        for run in runs:
            if run.measure == measure:
                rows += _score_rows(run, len(runs) > 1)
        known = [row for row in rows if row[1] is not None]
        if known:
            highest = max(row[1] for row in known) or 1.0
            shown = [
                [label, Cell(number(value), bar=value / highest)]
                for label, value in known
            ]
            table = Table(f"{name} in percent", ["", name], shown)
            blocks.append(Block([table, *_comparison(runs, measure)]))
    lead = (
        "EMA: weights averaged over the training, which are exported; raw: weights of "
        "the last step. Labels alone: training on the same labelled images without "
        "the unlabelled ones."
    )
    return Section("Scores", blocks, lead)


def _alone(run: Run) -> Optional[float]:
    """Returns the score of the labels alone, from a comparison or a base model."""
    results, experiment = run.results, run.experiment
    # Of an older run the settings say so, unless its base model was given.
    own = getattr(experiment.method, "base", "supervised")
    base = results.get("base_algorithm", own)
    comparable = algorithms.from_labels_alone(experiment.task, base)
    part = "validation_" if _judged(run)[0] == "validation" else ""
    for name in ("supervised", *(["base"] if comparable else [])):
        for key in (f"{name}_{run.measure}", f"{name}_{part}{run.measure}"):
            if results.get(key) is not None:
                return float(results[key])
    if not comparable:
        return None
    mious = results.get("base_mious", {})
    model = str(results.get("result_of", "")).rpartition("_")[2]
    found = mious.get(f"base_{model}", mious.get("base"))
    return None if found is None else float(found)


def _judged(run: Run) -> Tuple[str, Optional[float], Optional[float]]:
    """Returns which images judge a run, and its scores with EMA and raw weights."""
    results, measure = run.results, run.measure
    part, other = "test", f"validation_{measure}"
    scores = results.get(f"test_{measure}"), results.get(f"test_{measure}_raw")
    if results.get("test_set") == "validation":
        part = "validation"
    elif scores[0] is None and results.get(other) is not None:
        part, scores = "validation", (results[other], results.get(f"{other}_raw"))
    return (part, *scores)


def _score_rows(run: Run, several: bool) -> List[List[Any]]:
    before = f"{run.name}: " if several else ""
    where, score, raw = _judged(run)
    found = [
        [f"{where}, EMA", score],
        [f"{where}, raw", raw],
        [f"labels alone: {where}, EMA", _alone(run)],
    ]
    if where == "test":
        other = run.results.get(f"validation_{run.measure}")
        found.append(["validation, EMA", other])
    return [[f"{before}{label}", value] for label, value in found]


def _comparison(runs: Sequence[Run], measure: str) -> List[Text]:
    """States for each run how much the unlabelled images improved the score."""
    found = []
    for run in runs:
        if run.measure != measure:
            continue
        results, before = run.results, f"{run.name}: " if len(runs) > 1 else ""
        alone = _alone(run)
        _, score, _ = _judged(run)
        if alone is None or score is None:
            if run.experiment.algorithm != "supervised" and score is not None:
                rounds = "base_algorithm" in results
                how = "algorithm=supervised" if rounds else "compare_supervised"
                found.append(
                    Text(
                        f"{before}There is no run on the labels alone to compare with: "
                        f"--{how} trains one."
                    )
                )
            continue
        gain = (alone - score) if measure == "error" else (score - alone)
        words = "better" if gain >= 0 else "worse"
        found.append(
            Text(
                f"{before}{abs(gain):.2f} points {words} than labels alone "
                f"({number(score)} and {number(alone)})."
            )
        )
    return found


def curves(runs: Sequence[Run]) -> Section:
    """Charts the evaluations over the steps: one run in detail, several by measure."""
    charts = _of_one(runs[0]) if len(runs) == 1 else _of_several(runs)
    stages = [run.results["result_of"] for run in runs if run.results.get("result_of")]
    lead = "Each point is an evaluation; training metrics are of the steps before it."
    if stages:
        names = ", ".join(dict.fromkeys(stages))
        lead += f" Runs in rounds: curves of the stage of the result ({names})."
    return Section("Curves", [Block([each]) for each in charts], lead)


def _of_one(run: Run) -> List[Chart]:
    name, unit = NAMES[run.measure], run.measure
    scored = {
        f"test_{unit}": "test, EMA",
        f"test_raw_{unit}": "test, raw",
        f"validation_{unit}": "validation, EMA",
        f"validation_raw_{unit}": "validation, raw",
    }
    groups: Dict[str, Dict[str, str]] = {f"{name} (%)": scored}
    reported = dict.fromkeys(key for row in run.rows for key in row)
    for key in reported:
        if key.startswith("train_"):
            step_name = key[len("train_") :]
            title = {
                tags.LOSS: "terms of the loss",
                tags.GUESSES: "pseudo labels: shares, accuracies, weights",
                tags.SCHEDULE: "",
            }[tags.of_step(step_name)]
            if title:
                groups.setdefault(title, {})[key] = step_name.replace("_", " ")
    return [
        chart
        for title, columns in groups.items()
        for chart in [
            _chart([(run, key, label) for key, label in columns.items()], title)
        ]
        if chart
    ]


def _of_several(runs: Sequence[Run]) -> List[Chart]:
    found = []
    keys: Dict[str, str] = {}
    for measure, name in NAMES.items():
        keys[f"test_{measure}"] = f"test {name} (%), EMA"
        keys[f"validation_{measure}"] = f"validation {name} (%), EMA"
    keys["train_loss"] = "loss"
    shared = dict.fromkeys(key for run in runs for row in run.rows for key in row)
    for key in shared:
        if key.startswith("train_") and tags.of_step(key[6:]) == tags.GUESSES:
            keys[key] = f"pseudo labels: {key[6:].replace('_', ' ')}"
    for key, title in keys.items():
        chart = _chart([(run, key, run.name) for run in runs], title)
        if chart:
            found.append(chart)
    return found


def _chart(wanted: Sequence[Any], title: str) -> Optional[Chart]:
    """Draws columns of the evaluations; None if they have no values.

    Args:
        wanted: (run, name of the column, label) of each line.
        title: title of the chart.
    """
    series = []
    for run, key, label in wanted:
        points = [Point(row["step"], row[key]) for row in run.rows if key in row]
        if points:
            series.append(Series(label, points, marker="o" if len(points) < 30 else ""))
    if not series:
        return None
    include = [0.0] if "(%)" in title else []
    drawn = drawing.lines(series, "step", "", include)
    return Chart(drawing.svg(drawn, _in_words(title, series)), title)


def _in_words(title: str, series: Sequence[Series]) -> str:
    """Describes a chart for screen readers: first and last values."""
    ends = [(each.label, each.points[0].y, each.points[-1].y) for each in series]
    parts = [f"{label} from {first:.3g} to {last:.3g}" for label, first, last in ends]
    return f"{title} over the steps: " + "; ".join(parts)


def title(runs: Sequence[Run]) -> str:
    """Returns the title of a page about these runs."""
    if len(runs) > 1:
        return f"{len(runs)} runs: " + ", ".join(run.name for run in runs)
    facts: Mapping[str, Any] = runs[0].results
    return f"{facts['algorithm']} on {facts['dataset']}, {facts['labels']:,} labels"


def subtitle(runs: Sequence[Run]) -> str:
    """Returns the results in one line."""
    parts = []
    for run in runs:
        before = f"{run.name}: " if len(runs) > 1 else ""
        part, value, _ = _judged(run)
        parts.append(f"{before}{part} {NAMES[run.measure]} {number(value)}")
    return "; ".join(parts)
