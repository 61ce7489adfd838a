"""What can be seen of a run in rounds: three pictures, and TensorBoard.

    RUN/pseudo_labels.png   figure 1 of Dynamic Mutual Training (arXiv:2004.08514)
    RUN/confidence.png      how right labels are that are so sure
    RUN/rounds.png          errors, accuracies and weights over the rounds
    RUN/tensorboard/        the same numbers (`curves.py`)

The same rounds give the same bytes, so a resumed run leaves the files of one that was
never stopped. A picture of which nobody knows a number is not there.
"""

from __future__ import annotations

import functools
import pathlib
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
from PIL import Image

from mixdmt_tf.algorithms.classification.dmt import CASES
from mixdmt_tf.plots import charts
from mixdmt_tf.plots.canvas import nice_ticks
from mixdmt_tf.plots.charts import COLOURS, Point, Series
from mixdmt_tf.rounds import curves as courses
from mixdmt_tf.rounds import tensorboard
from mixdmt_tf.rounds.hooks import Entry as Round

FEW = 20  # images, of which an accuracy is a rough guess
_MOST = 14  # lines that a legend has room for besides the diagonal and the note
_SCALARS = (
    *("test_error", "pseudo_accuracy", "accuracy_of_all", "pseudo_labels"),
    *("mean_weight", "weight_right", "weight_wrong"),
)


def write(
    path: pathlib.Path,
    rounds: Sequence[Round],
    base_errors: Mapping[str, Optional[float]],
) -> None:
    """Draws the rounds so far, and tells TensorBoard what it does not know yet.

    Args:
        path: the run's folder.
        rounds: from `record.of_round`, or `rounds` of `results.json`.
        base_errors: test error of each model's base, percent; None: nobody knows.
    """
    figure_1 = functools.lru_cache(maxsize=1)(lambda: surest(rounds))
    told = _for_tensorboard(path / "tensorboard", rounds, base_errors, figure_1)
    # A resumed run comes by rounds that have been drawn, with later ones.
    old = all(tensorboard.are_there(*each) for each in told)
    pictures: Dict[str, Callable[[], Optional[Image.Image]]] = {
        "pseudo_labels.png": figure_1,
        "confidence.png": lambda: confidence(rounds),
        "rounds.png": lambda: courses_picture(rounds, base_errors),
    }
    for name, draw in pictures.items():
        image = None if old and (path / name).exists() else draw()
        if image is not None:
            charts.save(image, path / name)
    # Last, since it is what says that the pictures are there.
    for each in told:
        tensorboard.write(*each)


def surest(rounds: Sequence[Round]) -> Optional[Image.Image]:
    """Figure 1 for every round: wrong labels among the surest 20 %, 40 %, ...

    Returns:
        The picture, RGB; None if nobody knows which labels are wrong.
    """
    lines = [_error_of_top(each) for each in rounds]
    heights = [point.y for points in lines for point in points]
    if not heights:
        return None
    return charts.line_chart(
        _by_round(rounds, lines),
        "Wrong labels among the surest pseudo labels of each round",
        "surest share of unlabelled images (%)",
        "wrong pseudo labels (%)",
        x_ticks=sorted({point.x for points in lines for point in points}),
        y_range=_from_zero(heights),
    )


def confidence(rounds: Sequence[Round]) -> Optional[Image.Image]:
    """How many of the labels in each range of confidence are right.

    Returns:
        The picture, RGB; None if nobody knows which labels are right.
    """
    lines = [
        [
            Point(
                50 * (each["low"] + each["high"]),
                each["accuracy"],
                hollow=each["images"] < FEW,
            )
            for each in found["bins"]
        ]
        for found in rounds
    ]
    if not any(lines):
        return None
    ends = [Point(0, 0), Point(100, 100)]
    grey = COLOURS[6]
    ideal = Series("perfectly calibrated", ends, (), grey, dashed=True, marks=False)
    few = any(point.hollow for points in lines for point in points)
    return charts.line_chart(
        [ideal, *_by_round(rounds, lines)],
        "Right pseudo labels at each confidence, for each round",
        "confidence (%)",
        "right pseudo labels (%)",
        x_ticks=range(0, 101, 10),
        y_range=(0, 100),
        note=f"rings: fewer than {FEW} images" if few else "",
    )


def courses_picture(
    rounds: Sequence[Round], base_errors: Mapping[str, Optional[float]]
) -> Optional[Image.Image]:
    """Errors, accuracies and weights over the rounds, one below the other.

    Args:
        rounds: as of `write`.
        base_errors: as of `write`; they are the points of round 0.

    Returns:
        The picture, RGB; None if nobody knows any of it.
    """
    panels = []
    errors = courses.lines(rounds, {"test_error": ""}, base_errors)
    if errors:
        panels.append(
            courses.panel(
                rounds,
                errors,
                "Test error after each round",
                "round (0: the base model)",
                "test error (%), averaged weights",
                _from_zero(courses.heights(errors)),
            )
        )
    panels += courses.panels_of_labels(rounds)
    return charts.below_one_another(panels) if panels else None


def _error_of_top(found: Round) -> List[Point]:
    """Its points, ascending; JSON has made words of the shares."""
    shares = {int(k): v for k, v in found["error_of_top"].items() if courses.known(v)}
    return [Point(share, shares[share]) for share in sorted(shares)]


def _by_round(
    rounds: Sequence[Round], lines: Sequence[Sequence[Point]]
) -> List[Series]:
    """One line for each round and model: a colour for a round, dashes for model B."""
    numbers = sorted({each["round"] for each in rounds})
    colours = dict(zip(numbers, charts.shades(len(numbers))))
    # What the legend leaves out has a colour between those of its neighbours.
    most = _MOST // len({each["model"] for each in rounds})
    places = np.linspace(0, len(numbers) - 1, min(len(numbers), most))
    named = {numbers[i] for i in np.rint(places).astype(int)}
    found = []
    for each, points in sorted(
        zip(rounds, lines), key=lambda pair: (pair[0]["round"], pair[0]["model"])
    ):
        label = f"round {each['round']}"
        if courses.of_two(each):
            label += f", model {each['model'].upper()}"
        if points:
            found.append(
                Series(
                    label if each["round"] in named else "",
                    points,
                    colour=colours[each["round"]],
                    dashed=each["model"] == "b",
                )
            )
    return found


def _from_zero(percentages: Sequence[float]) -> Tuple[float, float]:
    """An axis of errors."""
    return 0.0, nice_ticks(0.0, max(1.0, *percentages))[-1]


def _for_tensorboard(
    folder: pathlib.Path,
    rounds: Sequence[Round],
    base_errors: Mapping[str, Optional[float]],
    figure_1: Callable[[], Optional[Image.Image]],
) -> List[Tuple[pathlib.Path, tensorboard.Numbers, tensorboard.Images]]:
    """Of two models, each is a run of its own in TensorBoard, in the same charts."""
    told: Dict[
        pathlib.Path, Tuple[Dict[tensorboard.Key, Any], Dict[tensorboard.Key, Any]]
    ] = {}
    for number, found in enumerate(rounds, start=1):
        model, step = found["model"], found["round"]
        place = folder / model if courses.of_two(found) else folder
        numbers, images = told.setdefault(place, ({}, {}))
        numbers["rounds/test_error", 0] = base_errors[model]
        numbers.update({(f"rounds/{name}", step): found[name] for name in _SCALARS})
        for case in CASES:
            numbers[f"rounds/cases_{case}", step] = found["cases"][case]
        if _error_of_top(found):
            until = functools.partial(surest, rounds[:number])
            draw = figure_1 if number == len(rounds) else until
            images["rounds/wrong_pseudo_labels", step] = draw
    return [
        (place, {k: v for k, v in numbers.items() if courses.known(v)}, images)
        for place, (numbers, images) in told.items()
    ]
