"""Charts of a run in rounds of image classification.

    RUN/pseudo_labels.png   figure 1 of Dynamic Mutual Training (arXiv:2004.08514)
    RUN/confidence.png      calibration: accuracy of the pseudo labels by confidence
    RUN/rounds.png          test errors, accuracies and weights over the rounds
    RUN/events...           the same values, for TensorBoard (`rounds/curves.py`)

The same rounds give the same bytes, so a resumed run writes the same files as a run
that was never stopped. A chart without known values is not written.
"""

from __future__ import annotations

import pathlib
from typing import Any, Dict, List, Mapping, Optional, Sequence

import numpy as np

from mixdmt_tf import plots
from mixdmt_tf.plots import LineChart, Point, Series
from mixdmt_tf.rounds import curves
from mixdmt_tf.rounds.hooks import Entry as Round
from mixdmt_tf.runs import tags

FEW = 20  # with fewer images, an accuracy is only a rough estimate
_MOST = 14  # lines that fit into a legend besides the diagonal
_SCALARS = (
    *("test_error", "pseudo_accuracy", "accuracy_of_all", "pseudo_labels"),
    *("mean_weight", "weight_right", "weight_wrong"),
)


def write(
    path: pathlib.Path,
    rounds: Sequence[Round],
    base_errors: Mapping[str, Optional[float]],
) -> None:
    """Draws the rounds so far, and shows them in TensorBoard.

    Args:
        path: the run's folder.
        rounds: from `round_records.round_entry`, or `rounds` of `results.json`.
        base_errors: test error of each model's base in percent; None: unknown.
    """
    figure_1 = curves.write_charts(
        path / "pseudo_labels.png", *error_of_most_confident(rounds)
    )
    curves.write_charts(path / "confidence.png", *calibration(rounds))
    curves.write_charts(path / "rounds.png", *course(rounds, base_errors))
    images = dict.fromkeys(base_errors, figure_1)
    curves.write_tensorboard(
        path,
        rounds,
        base_errors,
        _SCALARS,
        f"{tags.IMAGES}/wrong pseudo labels",
        images,
    )


def error_of_most_confident(rounds: Sequence[Round]) -> List[LineChart]:
    """Draws figure 1 for every round: errors of the most confident 20 %, 40 %, ...

    Returns:
        One chart; none if it is unknown which labels are wrong.
    """
    points = [
        [
            Point(int(share), error)  # keys are text in JSON
            for share, error in sorted(
                each["error_of_top"].items(), key=lambda pair: int(pair[0])
            )
            if curves.known(error)
        ]
        for each in rounds
    ]
    chart = LineChart(
        _by_round(rounds, points),
        "Wrong labels among the most confident pseudo labels of each round",
        "most confident share of the unlabelled images (%)",
        "wrong pseudo labels (%)",
        sorted({point.x for several in points for point in several}),
        y_include=(0.0, 1.0),
    )
    return [chart] if chart.series else []


def calibration(rounds: Sequence[Round]) -> List[LineChart]:
    """Charts the accuracy of the pseudo labels in each range of confidence.

    Returns:
        One chart; none if it is unknown which labels are right.
    """
    points = [
        [
            Point(
                50 * (each["low"] + each["high"]),
                each["accuracy"],
                hollow=each["images"] < FEW,
            )
            for each in entry["bins"]
        ]
        for entry in rounds
    ]
    series = _by_round(rounds, points)
    if not series:
        return []
    label, ends = "perfectly calibrated", [Point(0, 0), Point(100, 100)]
    ideal = Series(label, ends, color=plots.GREY, marker="", dashed=True)
    few = any(point.hollow for several in points for point in several)
    chart = LineChart(
        [ideal, *series],
        "Accuracy of the pseudo labels at each confidence, for each round",
        "confidence (%)",
        "right pseudo labels (%)",
        range(0, 101, 10),
        note=f"hollow: fewer than {FEW} images" if few else "",
    )
    return [chart]


def course(
    rounds: Sequence[Round], base_errors: Mapping[str, Optional[float]]
) -> List[LineChart]:
    """Charts test errors, accuracies and weights by round; arguments of `write`."""
    return curves.charts(
        rounds,
        base_errors,
        "test_error",
        "Test error after each round",
        "test error (%), averaged weights",
        y_include=(0.0, 1.0),
    )


def _by_round(
    rounds: Sequence[Round], points: Sequence[Sequence[Point]]
) -> List[Series]:
    """Returns a line per round and model: colours by round, dashes for model B."""
    numbers = sorted({each["round"] for each in rounds})
    colors = dict(zip(numbers, plots.shades(len(numbers))))
    # Rounds that are not in the legend have colours between those of their neighbours.
    most = _MOST // len(curves.by_model(rounds))
    places = np.linspace(0, len(numbers) - 1, min(len(numbers), most))
    named = {numbers[i] for i in np.rint(places).astype(int)}
    series = []
    for entry, own in sorted(
        zip(rounds, points), key=lambda pair: (pair[0]["round"], pair[0]["model"])
    ):
        style: Dict[str, Any] = curves.model_style(entry, f"round {entry['round']}")
        if entry["round"] not in named:
            style["label"] = ""
        if own:
            series.append(Series(points=own, color=colors[entry["round"]], **style))
    return series
