"""How numbers went over the rounds, as lines: one for each number and model."""

from __future__ import annotations

import math
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from PIL import Image

from mixdmt_tf.plots import charts
from mixdmt_tf.plots.canvas import nice_ticks
from mixdmt_tf.plots.charts import COLOURS, Point, Series

Round = Dict[str, Any]
_PANEL = 310  # height in the canvas's units


def known(value: Any) -> bool:
    """Whether it is a number."""
    return value is not None and not math.isnan(value)


def of_two(found: Round) -> bool:
    """Whether there is another model in the round."""
    return found["stage"].endswith(f"_{found['model']}")


def lines(
    rounds: Sequence[Round],
    names: Mapping[str, str],
    first: Mapping[str, Optional[float]] = {},
) -> List[Series]:
    """Lines over the rounds, of some entries by their words in the legend."""
    found = []
    for colour, (name, words) in zip(COLOURS, names.items()):
        for model in sorted({each["model"] for each in rounds}):
            own = [each for each in rounds if each["model"] == model]
            values = [(0, first.get(model))]
            values += [(each["round"], each[name]) for each in own]
            points = [Point(x, y) for x, y in values if y is not None and known(y)]
            if not points:
                continue
            of_model = f"model {model.upper()}" if of_two(own[0]) else ""
            label = ", ".join(filter(None, (words, of_model)))
            found.append(Series(label, points, colour=colour, dashed=model == "b"))
    return found


def heights(series: Sequence[Series]) -> List[float]:
    """All numbers of some lines."""
    return [point.y for each in series for point in each.points]


def panel(
    rounds: Sequence[Round],
    drawn: Sequence[Series],
    title: str,
    x_label: str,
    y_label: str,
    y_range: Tuple[float, float],
) -> Image.Image:
    """One of the charts that stand below one another.

    Args:
        rounds: what is noted of them.
        drawn: from `lines`.
        title: above the chart.
        x_label: below the rounds.
        y_label: above the y axis.
        y_range: ends of the y axis.
    """
    last = max(each["round"] for each in rounds)
    return charts.line_chart(
        drawn,
        title,
        x_label,
        y_label,
        x_ticks=range(0, last + 1, math.ceil(last / 15)),
        y_range=y_range,
        height=_PANEL,
    )


def panels_of_labels(rounds: Sequence[Round]) -> List[Image.Image]:
    """How right the pseudo labels were, and what they weighed, where that is known."""
    panels = []
    accuracies = lines(
        rounds, {"pseudo_accuracy": "of those learnt from", "accuracy_of_all": "of all"}
    )
    if accuracies:
        lowest = nice_ticks(min(99.0, *heights(accuracies)), 100.0)[0]
        panels.append(
            panel(
                rounds,
                accuracies,
                "Pseudo labels of each round",
                "round",
                "right pseudo labels (%)",
                (lowest, 100.0),
            )
        )
    names = {
        "mean_weight": "of all",
        "weight_wrong": "of wrong labels",
        "weight_right": "of right labels",
    }
    weights = lines(rounds, names)
    if weights:
        panels.append(
            panel(
                rounds,
                weights,
                "Weights of the pseudo labels of each round",
                "round",
                "mean weight",
                (0.0, max(1.0, *heights(weights))),
            )
        )
    return panels
