"""Final results of a segmentation run."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence

from mixdmt_tf import algorithms
from mixdmt_tf.runs.results import NO_BEST, best_row, describe_weights, percent
from mixdmt_tf.runs.rows import Row

IOU = "_iou_"  # between the names of set and class in columns of metrics.csv


def summarize(rows: List[Row], class_names: Sequence[str], test: str) -> Dict[str, Any]:
    """Returns the scores for `results.json`; mean IoU in percent, None without data.

    Args:
        rows: the evaluations.
        class_names: of the classes.
        test: which set is the test set, 'test' or 'validation'.

    Returns:
        `test_miou` of the EMA weights after the last step, `..._raw` of the raw
        weights, `..._best` of the evaluation with the best validation mean IoU;
        `test_iou`, by class; and the same for `validation`. `test_set` tells whether a
        data set without labelled test images was tested on its validation images, as
        in papers.
    """
    last, best = rows[-1], best_row(rows) or {}

    def iou(name: str) -> Dict[str, Optional[float]]:
        return {each: last.get(f"{name}{IOU}{each}") for each in class_names}

    return {
        "test_set": test,
        "test_miou": last.get(f"{test}_miou"),
        "test_miou_raw": last.get(f"{test}_raw_miou"),
        "test_miou_best": best.get(f"{test}_miou"),
        "best_step": int(best["step"]) if best else None,
        "validation_miou": last.get("validation_miou"),
        "validation_miou_raw": last.get("validation_raw_miou"),
        "validation_miou_best": best.get("validation_miou"),
        "test_pixel_accuracy": last.get(f"{test}_pixel_accuracy"),
        "test_iou": iou(test),
    }


def as_of_best(
    found: Mapping[str, Any], rows: List[Row], class_names: Sequence[str]
) -> Dict[str, Any]:
    """Returns the results of a run whose best snapshot is used, not the last weights.

    Args:
        found: from `summarize`; length, seed and time are kept.
        rows: the evaluations.
        class_names: of the classes.

    Returns:
        The same entries, with mean IoUs of the evaluation with the best validation.
    """
    best, test = best_row(rows) or {}, found["test_set"]
    return {
        **found,
        "test_miou": best.get(f"{test}_miou"),
        "test_miou_raw": best.get(f"{test}_raw_miou"),
        "validation_miou": best.get("validation_miou"),
        "validation_miou_raw": best.get("validation_raw_miou"),
        "test_pixel_accuracy": best.get(f"{test}_pixel_accuracy"),
        "test_iou": {name: best.get(f"{test}{IOU}{name}") for name in class_names},
    }


def describe_round(found: Mapping[str, Any]) -> str:
    """Describes an entry of `rounds` (`round_records.py`) in one line."""
    return (
        f"{found['stage'].replace('_', ' ')}: {found['share_labeled']:.1f} % of the "
        f"pixels pseudo-labelled, {percent(found['pseudo_accuracy'])} of them right; "
        f"mean IoU {percent(found['test_miou'])}{describe_weights(found)}"
    )


def describe(results: Mapping[str, Any]) -> str:
    """Formats the results as a few lines for the terminal."""
    rounds = results.get("rounds", [])
    lines = [describe_round(each) for each in rounds]
    base = results.get("base_algorithm", "supervised")
    words = algorithms.base_in_words("segmentation", base)
    for name, miou in results.get("base_mious", {}).items():
        if miou is not None:
            lines.append(f"mean IoU of {name}, {words}: {miou:.2f} %")
    if rounds:
        lines.append(f"the result is that of {results['result_of']}")
    if results["best_step"] is None:
        lines.append(NO_BEST)
    if results["test_miou"] is None:
        lines.append(f"{results['algorithm']}: no labelled images to score")
        return "\n".join(lines)
    where = "" if results["test_set"] == "test" else " on the validation images"
    lines.append(
        f"mean IoU of {results['algorithm']}{where}: {results['test_miou']:.2f} % "
        f"(raw weights {results['test_miou_raw']:.2f} %, pixels right "
        f"{results['test_pixel_accuracy']:.2f} %)"
    )
    if results.get("supervised_miou") is not None:
        lines.append(
            "mean IoU of supervised, the same labels alone: "
            f"{results['supervised_miou']:.2f} %"
        )
    return "\n".join(lines)
