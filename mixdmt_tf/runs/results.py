"""The results of a run: `results.json`."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

from mixdmt_tf.data.splits import Split
from mixdmt_tf.runs.environment import machine, versions
from mixdmt_tf.runs.rows import Row
from mixdmt_tf.runs.task import Task

NO_BEST = (
    "there is no best checkpoint without validation images (--validation=N holds some "
    "out)"
)


def summarize(task: Task, rows: List[Row], split: Split) -> Dict[str, Any]:
    """Returns the content of `results.json`.

    Args:
        task: task of the run.
        rows: the evaluations, at least one.
        split: split of the run.

    Returns:
        Algorithm, data set, number of labels, seed and steps; the scores as summarized
        by the task; time in seconds, versions, machine and all settings.
    """
    experiment = task.experiment
    return {
        "algorithm": experiment.algorithm,
        "dataset": experiment.data.dataset,
        "labels": len(split.labeled),
        "seed": experiment.run.seed,
        "steps": int(rows[-1]["step"]),
        **task.summarize(rows),
        "seconds": rows[-1]["seconds"],
        "versions": versions(),
        "machine": machine(),
        "flags": experiment.to_flags(),
    }


def best_row(rows: List[Row]) -> Optional[Row]:
    """Returns the evaluation that is best on validation; the earliest wins ties.

    This is the one with the smallest error or, for segmentation, the largest mean IoU.
    """
    for name, sign in (("validation_error", 1), ("validation_miou", -1)):
        scored = [row for row in rows if name in row]
        if scored:
            return min(scored, key=lambda row: sign * row[name])
    return None


def percent(value: Optional[float]) -> str:
    """Formats a percentage; 'unknown' for None."""
    return "unknown" if value is None else f"{value:.2f} %"


def describe_weights(found: Mapping[str, Any]) -> str:
    """Describes the weights of pseudo labels in a round; '' if there are none."""
    if found["mean_weight"] is None:
        return ""
    words = f"; mean weight {found['mean_weight']:.3f}"
    right, wrong = found["weight_right"], found["weight_wrong"]
    if right is not None and wrong is not None:
        words += f" (of right labels {right:.3f}, of wrong ones {wrong:.3f})"
    return words
