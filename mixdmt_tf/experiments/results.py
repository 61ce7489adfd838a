"""The numbers that a run ends with."""

from __future__ import annotations

import importlib.metadata
import platform
import statistics
from typing import Any, Dict, List, Mapping, Optional

from mixdmt_tf import __version__
from mixdmt_tf.experiments.experiment import Experiment
from mixdmt_tf.experiments.log import Row
from mixdmt_tf.experiments.report import machine

MEDIAN_OVER = 20  # evaluations, as MixMatch and RealMix report
NO_BEST = (
    "no checkpoint is the best: there are no validation images (--validation=N holds "
    "some out)"
)


def summarize(experiment: Experiment, labels: int, rows: List[Row]) -> Dict[str, Any]:
    """What `results.json` holds; all errors in percent, None where there is no data.

    `test_error` are the averaged weights after the last step, `..._raw` the raw ones,
    `..._median20` the median of the last 20 evaluations (the papers' figure), and
    `..._best` the evaluation with the smallest validation error. `..._fine_grained` is
    the accuracy of DMT's appendix C, in percent. `ood_auroc` and `ood_precision` are
    there if some unlabelled images are known to be of no class.
    """
    last = rows[-1]
    best = best_row(rows)
    return {
        "algorithm": experiment.algorithm,
        "dataset": experiment.data.dataset,
        "labels": labels,
        "seed": experiment.run.seed,
        "steps": int(last["step"]),
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
        "seconds": last["seconds"],
        "versions": versions(),
        "machine": machine(),
        "flags": experiment.to_flags(),
    }


def best_row(rows: List[Row]) -> Optional[Row]:
    """The evaluation that is best on validation; the earliest of equals.

    That with the smallest error, of scenes the largest mean IoU.
    """
    for name, sign in (("validation_error", 1), ("validation_miou", -1)):
        scored = [row for row in rows if name in row]
        if scored:
            return min(scored, key=lambda row: sign * row[name])
    return None


def _median(rows: List[Row], name: str) -> Optional[float]:
    values = [row[name] for row in rows[-MEDIAN_OVER:] if name in row]
    return statistics.median(values) if values else None


def versions() -> Dict[str, str]:
    """Versions of everything that may change a number."""
    found = {"mixdmt_tf": __version__, "python": platform.python_version()}
    for name in ("tensorflow", "tensorflow-cpu", "keras", "numpy", "tensorflow-addons"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def percent(value: Optional[float]) -> str:
    """A percentage for people; 'unknown' for None."""
    return "unknown" if value is None else f"{value:.2f} %"


def describe_round(found: Dict[str, Any]) -> str:
    """One line about an entry of `rounds` (`loops/record.py`)."""
    return (
        f"{found['stage'].replace('_', ' ')}: {found['pseudo_labels']:,} pseudo "
        f"labels, {percent(found['pseudo_accuracy'])} of them right; test error "
        f"{percent(found['test_error'])}{describe_weights(found)}"
    )


def describe_weights(found: Mapping[str, Any]) -> str:
    """What pseudo labels weighed in a round, for the end of a line; '' if nothing."""
    if found["mean_weight"] is None:
        return ""
    words = f"; mean weight {found['mean_weight']:.3f}"
    right, wrong = found["weight_right"], found["weight_wrong"]
    if right is not None and wrong is not None:
        words += f" (of right labels {right:.3f}, of wrong ones {wrong:.3f})"
    return words


def describe(results: Dict[str, Any]) -> str:
    """The result as a few lines for the terminal."""
    name = results["algorithm"]
    rounds = results.get("rounds", [])
    lines = [describe_round(each) for each in rounds]
    lines += [f"warning: {each}" for each in results.get("warnings", [])]
    if results.get("base_error") is not None:
        lines.append(
            f"test error of the base model, labels alone: {results['base_error']:.2f} "
            f"% (raw weights {results['base_error_raw']:.2f} %)"
        )
    if rounds and results["result_of"] != rounds[-1]["stage"]:
        lines.append(f"the result is that of {results['result_of']}")
    if results["test_error"] is not None:
        lines.append(
            f"test error of {name}: {results['test_error']:.2f} % "
            f"(raw weights {results['test_error_raw']:.2f} %, median of the last "
            f"{MEDIAN_OVER} evaluations {results['test_error_median20']:.2f} %)"
        )
    elif results["validation_error"] is not None:
        lines.append(f"validation error of {name}: {results['validation_error']:.2f} %")
    if results["best_step"] is None:
        lines.append(NO_BEST)
    if results.get("supervised_error") is not None and not rounds:
        lines.append(
            f"test error of supervised, same labels and steps: "
            f"{results['supervised_error']:.2f} % "
            f"(raw weights {results['supervised_error_raw']:.2f} %)"
        )
    return "\n".join(lines)
