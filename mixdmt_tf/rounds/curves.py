"""Charts and TensorBoard summaries of the rounds of a run, for both tasks.

`RUN/rounds.png` shows the score, the accuracies and the weights over the rounds.
TensorBoard shows the same values; with two models, each appears as a run of its own,
`RUN/model_a/` and `RUN/model_b/`.
"""

from __future__ import annotations

import math
import pathlib
from typing import Any, Dict, List, Mapping, Optional, Sequence

import numpy as np

from mixdmt_tf import plots
from mixdmt_tf.algorithms.parts.weighting import CASES
from mixdmt_tf.files import write_png_atomically
from mixdmt_tf.plots import COLORS, LineChart, Point, Series
from mixdmt_tf.rounds import tensorboard
from mixdmt_tf.runs import tags

Round = Dict[str, Any]
Bases = Mapping[str, Optional[float]]  # score of each model's base; None: unknown


def known(value: Any) -> bool:
    """Whether a value is a number, neither None nor NaN."""
    return value is not None and not math.isnan(value)


def has_peer(entry: Round) -> bool:
    """Whether a second model is trained in the same round."""
    return entry["stage"].endswith(f"_{entry['model']}")


def by_model(rounds: Sequence[Round]) -> Dict[str, List[Round]]:
    """Groups the rounds by model, keeping their order."""
    models = sorted({each["model"] for each in rounds})
    return {m: [each for each in rounds if each["model"] == m] for m in models}


def model_style(entry: Round, label: str) -> Dict[str, Any]:
    """Returns arguments of `Series` that tell the lines of two models apart."""
    peer = entry["model"] == "b"
    name = f"model {entry['model'].upper()}" if has_peer(entry) else ""
    label = ", ".join(filter(None, (label, name)))
    return {"label": label, "dashed": peer, "marker": "s" if peer else "o"}


def lines(
    rounds: Sequence[Round], labels: Mapping[str, str], bases: Optional[Bases] = None
) -> List[Series]:
    """Builds lines over the rounds, one for each value and model with known numbers.

    Args:
        rounds: entries of `rounds` in `results.json`.
        labels: line labels, by the key of the value in a round's entry.
        bases: values of round 0; None for lines that start at round 1.
    """
    bases = bases or {}
    series = []
    for color, (name, label) in zip(COLORS, labels.items()):
        for model, own in by_model(rounds).items():
            values = [(0, bases.get(model)), *((e["round"], e[name]) for e in own)]
            points = [Point(x, y) for x, y in values if y is not None and known(y)]
            if points:
                style = model_style(own[0], label)
                series.append(Series(points=points, color=color, **style))
    return series


def charts(
    rounds: Sequence[Round],
    bases: Bases,
    score: str,
    title: str,
    y_label: str,
    y_include: Sequence[float],
) -> List[LineChart]:
    """Builds the charts of score, accuracies and weights over the rounds.

    Charts without a known value are left out.

    Args:
        rounds: entries of `rounds` in `results.json`.
        bases: score of each model's base model.
        score: key of the score in a round's entry.
        title: title of the score's chart.
        y_label: y label of the score's chart.
        y_include: values that the y axis of the score's chart includes.
    """
    accuracies = {"pseudo_accuracy": "trained on", "accuracy_of_all": "all"}
    weights = {
        "mean_weight": "all labels",
        "weight_wrong": "wrong labels",
        "weight_right": "right labels",
    }
    last = max(each["round"] for each in rounds)
    ticks = range(0, last + 1, math.ceil(last / 15))
    drawn = [
        LineChart(
            lines(rounds, {score: ""}, bases),
            title,
            "round (0: the base model)",
            y_label,
            ticks,
            y_include=y_include,
        ),
        LineChart(
            lines(rounds, accuracies),
            "Accuracy of the pseudo labels of each round",
            "round",
            "right pseudo labels (%)",
            ticks,
            y_include=(99.0, 100.0),
        ),
        LineChart(
            lines(rounds, weights),
            "Weights of the pseudo labels of each round",
            "round",
            "mean weight",
            ticks,
            y_include=(0.0, 1.0),
        ),
    ]
    return [chart for chart in drawn if chart.series]


def write_charts(path: pathlib.Path, *drawn: LineChart) -> Optional[np.ndarray]:
    """Writes charts, one below the other, to a PNG file.

    Returns:
        The image, uint8 [height, width, 3]. Without charts, None, and no file is
        written.
    """
    if not drawn:
        return None
    pixels = plots.image(*drawn)
    write_png_atomically(path, pixels)
    return pixels


def write_tensorboard(
    path: pathlib.Path,
    rounds: Sequence[Round],
    bases: Bases,
    names: Sequence[str],
    image_tag: str,
    images: Mapping[str, Optional[np.ndarray]],
) -> None:
    """Writes the rounds so far to TensorBoard; each of two models is a run there.

    Args:
        path: the run's folder.
        rounds: entries of `rounds` in `results.json`.
        bases: score of each model's base model.
        names: keys of the values that are shown; the first is the score.
        image_tag: tag of the image.
        images: image of the newest round, by model.
    """
    for model, own in by_model(rounds).items():
        values: Dict[tensorboard.Key, Any] = {(names[0], 0): bases[model]}
        for each in own:
            step = each["round"]
            values.update({(name, step): each[name] for name in names})
            values.update({(f"cases_{c}", step): each["cases"][c] for c in CASES})
        pixels = images.get(model)
        tensorboard.write(
            path / f"model_{model}" if has_peer(own[0]) else path,
            {(f"{tags.ROUNDS}/{n}", s): v for (n, s), v in values.items() if known(v)},
            {} if pixels is None else {(image_tag, own[-1]["round"]): pixels},
        )
