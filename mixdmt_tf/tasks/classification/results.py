"""Final results of an image classification run."""

from __future__ import annotations

import math
import statistics
from typing import Any, Dict, List, Mapping, Optional, Tuple

from mixdmt_tf import algorithms
from mixdmt_tf.runs.results import NO_BEST, best_row, describe_weights, percent
from mixdmt_tf.runs.rows import Row

OF_SCORE = "ood_auroc_"  # prefix of their columns, followed by the name of a score
MEDIAN_OVER = 20  # evaluations, as MixMatch and RealMix report
CHEATING = (
    "--ood_score=oracle: the mask knows the hidden truth, for experiments only; no "
    "score of this run is one of the method"
)


def summarize(rows: List[Row]) -> Dict[str, Any]:
    """Returns the scores for `results.json`; errors in percent, None without data.

    `test_error` is that of the EMA weights after the last step, `..._raw` that of the
    raw weights, `..._median20` the median of the last 20 evaluations (as in the papers)
    and `..._best` that of the evaluation with the smallest validation error.
    `..._fine_grained` is the accuracy of DMT's appendix C, in percent. `ood_auroc`,
    `ood_aurocs` (by score) and `ood_precision` exist if some unlabelled images are
    known to be of no class; `ood_rate_estimate`, in [0, 1], is the estimate of
    `--ood_rate=auto`, `ood_rate_interval` its 5 and 95 % quantiles; None if the rate
    was given. With several labels per image, `test_map` and `test_f1` are the means
    over labels of average precision and F1.
    """
    last = rows[-1]
    best = best_row(rows)
    return {
        "test_error": last.get("test_error"),
        "test_error_raw": last.get("test_raw_error"),
        "test_error_median20": _median(rows, "test_error"),
        "test_error_raw_median20": _median(rows, "test_raw_error"),
        "test_error_best": best.get("test_error") if best else None,
        "best_step": int(best["step"]) if best else None,
        "validation_error": last.get("validation_error"),
        "validation_error_raw": last.get("validation_raw_error"),
        "test_fine_grained": last.get("test_fine_grained"),
        "validation_fine_grained": last.get("validation_fine_grained"),
        "ood_auroc": last.get("ood_auroc"),
        "ood_precision": last.get("ood_precision"),
        "ood_aurocs": {
            name[len(OF_SCORE) :]: value
            for name, value in last.items()
            if name.startswith(OF_SCORE)
        },
        "ood_rate_estimate": last.get("train_ood_rate_estimate"),
        "ood_rate_interval": _interval(last),
        **_of_labels(last),
    }


def _interval(last: Row) -> Optional[List[float]]:
    """Returns the interval of the estimated share of images of no class, in [0, 1]."""
    names = ("train_ood_rate_low", "train_ood_rate_high")
    found = [last[name] for name in names if name in last]
    return found or None


def _of_labels(last: Row) -> Dict[str, Any]:
    """Returns the further scores for several labels per image."""
    names = [f"{n}_{kind}" for kind in ("map", "f1") for n in ("test", "validation")]
    found = {name: last[name] for name in names if name in last}
    return {name: None if math.isnan(each) else each for name, each in found.items()}


def _median(rows: List[Row], name: str) -> Optional[float]:
    values = [row[name] for row in rows[-MEDIAN_OVER:] if name in row]
    return statistics.median(values) if values else None


def describe_round(found: Dict[str, Any]) -> str:
    """Describes an entry of `rounds` (`round_records.py`) in one line."""
    part, error, _ = _judged(found, "test_error")
    return (
        f"{found['stage'].replace('_', ' ')}: {found['pseudo_labels']:,} pseudo "
        f"labels, {percent(found['pseudo_accuracy'])} of them right; {part} error "
        f"{percent(error)}{describe_weights(found)}"
    )


def _judged(
    results: Mapping[str, Any], name: str
) -> Tuple[str, Optional[float], Optional[float]]:
    """Returns the part, and errors of EMA and raw weights; of validation if it must."""
    other = name.replace("test_", "").replace("error", "validation_error")
    if results.get(name) is None and results.get(other) is not None:
        return "validation", results[other], results.get(f"{other}_raw")
    return "test", results.get(name), results.get(f"{name}_raw")


def describe(results: Dict[str, Any]) -> str:
    """Formats the results as a few lines for the terminal."""
    name = results["algorithm"]
    rounds = results.get("rounds", [])
    lines = [describe_round(each) for each in rounds]
    part, error, raw = _judged(results, "base_error")
    if error is not None:
        base = results.get("base_algorithm", "supervised")
        words = algorithms.base_in_words("classification", base)
        lines.append(
            f"{part} error of the base model, {words}: {error:.2f} % "
            f"(raw weights {percent(raw)})"
        )
    if results.get("mean_of"):
        lines.append(f"the result is the mean of {', '.join(results['mean_of'])}")
    elif rounds and results["result_of"] != rounds[-1]["stage"]:
        lines.append(f"the result is that of {results['result_of']}")
    if results["test_error"] is not None:
        lines.append(
            f"test error of {name}: {results['test_error']:.2f} % "
            f"(raw weights {results['test_error_raw']:.2f} %, median of the last "
            f"{MEDIAN_OVER} evaluations {results['test_error_median20']:.2f} %)"
        )
    elif results["validation_error"] is not None:
        lines.append(f"validation error of {name}: {results['validation_error']:.2f} %")
    for kind in ("test", "validation"):
        if results.get(f"{kind}_map") is not None:
            lines.append(
                f"mean average precision, {kind}: {results[f'{kind}_map']:.2f} %, F1 "
                f"{results[f'{kind}_f1']:.2f} %"
            )
    if CHEATING in results.get("warnings", []):
        lines.append(CHEATING)
    if results["best_step"] is None:
        lines.append(NO_BEST)
    part, error, raw = _judged(results, "supervised_error")
    if error is not None and not rounds:
        lines.append(
            f"{part} error of supervised, same labels and steps: {error:.2f} % "
            f"(raw weights {percent(raw)})"
        )
    return "\n".join(lines)
