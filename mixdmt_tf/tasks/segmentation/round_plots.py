"""What can be seen of a run in rounds on scenes.

    RUN/pseudo_labels.png (or ..._a.png, ..._b.png)  figure 6 of DMT (arXiv:2004.08514)
    RUN/rounds.png      mean IoU (figure 9), accuracies and weights over the rounds
    RUN/pictures/       what figure 6 is made of, a file for each round
    RUN/tensorboard/    the same

The same rounds give the same bytes, so a resumed run leaves the files of one that was
never stopped.
"""

from __future__ import annotations

import functools
import pathlib
from typing import Any, Dict, List, Mapping, Optional, Sequence

from PIL import Image

from mixdmt_tf.algorithms.classification.dmt import CASES
from mixdmt_tf.data.segmentation.source import Scenes
from mixdmt_tf.data.splits import Split
from mixdmt_tf.plots import charts
from mixdmt_tf.plots.canvas import nice_ticks
from mixdmt_tf.rounds import curves as courses
from mixdmt_tf.rounds import tensorboard
from mixdmt_tf.rounds.hooks import Entry as Round
from mixdmt_tf.tasks.segmentation.inspection import (
    Inspection,
    beside_one_another,
    column,
    originals,
)

_SCALARS = (
    *("test_miou", "validation_miou", "pseudo_accuracy", "accuracy_of_all"),
    *("share_labeled", "mean_weight", "weight_right", "weight_wrong"),
)


def of_round(path: pathlib.Path, stage: str, seen: Inspection) -> None:
    """Keeps a round's columns of figure 6: pseudo labels, and weights."""
    folder = path / "pictures"
    folder.mkdir(exist_ok=True)
    title = stage.replace("_", " ")
    columns = [column(title, seen.labels), column("weights", seen.weights)]
    charts.save(beside_one_another(columns), folder / f"{stage}.png")


def write(
    path: pathlib.Path,
    rounds: Sequence[Round],
    base_mious: Mapping[str, Optional[float]],
    scenes: Scenes,
    split: Split,
) -> None:
    """Draws the rounds so far, and tells TensorBoard what it does not know yet.

    Args:
        path: the run's folder.
        rounds: from `record.of_round`.
        base_mious: mean IoU of each model's base, percent.
        scenes: the data set.
        split: of the run.
    """
    drawn_course = course(rounds, base_mious)
    if drawn_course:
        charts.save(drawn_course, path / "rounds.png")
    drawn = zip(("scene", "truth"), originals(scenes, split.unlabeled))
    first = beside_one_another([column(*each) for each in drawn])
    for model in sorted({each["model"] for each in rounds}):
        own = [each for each in rounds if each["model"] == model]
        two = courses.of_two(own[0])
        draw = functools.partial(figure_6, path, own, first)
        name = f"pseudo_labels_{model}.png" if two else "pseudo_labels.png"
        charts.save(draw(), path / name)
        folder = path / "tensorboard"
        tensorboard.write(
            folder / model if two else folder,
            _numbers(own, base_mious[model]),
            {("rounds/pseudo_labels", own[-1]["round"]): draw},
        )


def figure_6(
    path: pathlib.Path, rounds: Sequence[Round], first: Image.Image
) -> Image.Image:
    """Scene and truth, and for each round of a model pseudo labels and weights.

    Args:
        path: the run's folder.
        rounds: of one model.
        first: the columns of scenes and truth.
    """
    columns = [first]
    for each in rounds:
        with Image.open(path / "pictures" / f"{each['stage']}.png") as picture:
            columns.append(picture.convert("RGB"))
    return beside_one_another(columns)


def course(
    rounds: Sequence[Round], base_mious: Mapping[str, Optional[float]]
) -> Optional[Image.Image]:
    """Mean IoU, accuracies and weights over the rounds, one below the other.

    Without what nobody knows; None if nothing is left.
    """
    panels = courses.panels_of_labels(rounds)
    mious = courses.lines(rounds, {"test_miou": ""}, base_mious)
    if mious:
        panels.insert(0, _panel_of_mious(rounds, mious))
    return charts.below_one_another(panels) if panels else None


def _panel_of_mious(rounds: Sequence[Round], mious: List[charts.Series]) -> Image.Image:
    heights = courses.heights(mious)
    low, high = min(heights), max(heights)
    ticks = nice_ticks(low - 0.1 * (high - low), max(high, low + 1.0))
    return courses.panel(
        rounds,
        mious,
        "Mean IoU after each round",
        "round (0: the base model)",
        "mean IoU (%), averaged weights",
        (ticks[0], ticks[-1]),
    )


def _numbers(rounds: Sequence[Round], base_miou: Any) -> Dict[tensorboard.Key, float]:
    """What TensorBoard is to show of one model."""
    numbers: Dict[tensorboard.Key, Any] = {("rounds/test_miou", 0): base_miou}
    for each in rounds:
        step = each["round"]
        numbers.update({(f"rounds/{name}", step): each[name] for name in _SCALARS})
        for case in CASES:
            numbers[f"rounds/cases_{case}", step] = each["cases"][case]
    return {key: value for key, value in numbers.items() if courses.known(value)}
