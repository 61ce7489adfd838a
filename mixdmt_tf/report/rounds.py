"""Table and charts of the rounds of a run."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence

from mixdmt_tf.algorithms.parts.weighting import CASES
from mixdmt_tf.plots import LineChart
from mixdmt_tf.report import drawing
from mixdmt_tf.report.page import Chart, Item, Table

_LABELS = {
    "teacher": "labels from",
    "fraction": "share kept (%)",
    "pseudo_labels": "pseudo labels",
    "share_labeled": "pixels labelled (%)",
    "pseudo_accuracy": "of those right (%)",
    "accuracy_of_all": "right of all (%)",
    "mean_weight": "mean weight",
    "weight_right": "weight of right labels",
    "weight_wrong": "weight of wrong labels",
    "test_error": "test error (%)",
    "test_error_raw": "test error, raw (%)",
    "validation_error": "validation error (%)",
    "test_miou": "test mean IoU (%)",
    "test_miou_raw": "test mean IoU, raw (%)",
    "validation_miou": "validation mean IoU (%)",
    "steps": "steps",
    "seconds": "seconds",
}


def table(rounds: Sequence[Mapping[str, Any]]) -> Table:
    """Makes a table with a column for each round (and each of two models)."""
    rows: List[List[str]] = []
    for key, label in _LABELS.items():
        values = [each.get(key) for each in rounds]
        if any(value is not None for value in values):
            rows.append([label, *map(_text, values)])
    for case in CASES:
        shares = [each.get("cases", {}).get(case) for each in rounds]
        if any(share is not None for share in shares):
            rows.append([f"case of Eq. 6: {case} (%)", *map(_text, shares)])
    head = ["", *(each["stage"].replace("_", " ") for each in rounds)]
    return Table("The rounds, from left to right", head, rows, "full")


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value).replace("_", " ")


def charts(drawn: Sequence[LineChart]) -> List[Item]:
    """Converts the charts of the rounds, made for separate files, for the page."""
    found: List[Item] = []
    for each in drawn:
        parts = [_in_words(series) for series in each.series if series.points]
        words = f"{each.title}: {'; '.join(parts)}"
        found.append(Chart(drawing.svg(drawing.narrow(each), words), each.title))
    return found


def _in_words(series: Any) -> str:
    first, last = series.points[0], series.points[-1]
    return f"{series.label or 'value'} from {first.y:.3g} to {last.y:.3g}"


def bases(results: Mapping[str, Any]) -> Dict[str, Any]:
    """Returns the score of each model's base by model."""
    found = results.get("base_mious", results.get("base_errors"))
    if found is None:  # older runs recorded only the score of the first one
        return {"a": results.get("base_error")}
    return {
        (name.rpartition("_")[2] if "_" in name else "a"): value
        for name, value in found.items()
    }
