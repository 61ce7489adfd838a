"""Charts and pictures of a run in rounds of segmentation.

    RUN/pseudo_labels.png (or ..._a.png, ..._b.png)  figure 6 of DMT (arXiv:2004.08514)
    RUN/rounds.png      mean IoU (figure 9), accuracies and weights over the rounds
    RUN/pictures/       parts of figure 6, a file for each round
    RUN/events...       the same, for TensorBoard (`rounds/curves.py`)

The same rounds give the same bytes, so a resumed run writes the same files as a run
that was never stopped.
"""

from __future__ import annotations

import contextlib
import pathlib
from typing import List, Mapping, Optional, Sequence

import numpy as np
from PIL import Image

from mixdmt_tf.data.segmentation.source import Source
from mixdmt_tf.data.splits import Split
from mixdmt_tf.files import DAMAGES, write_png_atomically
from mixdmt_tf.plots import LineChart
from mixdmt_tf.rounds import curves
from mixdmt_tf.rounds.hooks import Entry as Round
from mixdmt_tf.runs import tags
from mixdmt_tf.tasks.segmentation.inspection import (
    Inspection,
    beside_one_another,
    column,
    originals,
)
from mixdmt_tf.tasks.segmentation.prediction import legend

_SCALARS = (
    *("test_miou", "validation_miou", "pseudo_accuracy", "accuracy_of_all"),
    *("share_labeled", "mean_weight", "weight_right", "weight_wrong"),
)


def of_round(path: pathlib.Path, stage: str, seen: Inspection) -> None:
    """Saves a round's columns of figure 6: pseudo labels and weights."""
    folder = path / "pictures"
    folder.mkdir(exist_ok=True)
    title = stage.replace("_", " ")
    columns = [column(title, seen.labels), column("weights", seen.weights)]
    pixels = np.asarray(beside_one_another(columns))
    write_png_atomically(folder / f"{stage}.png", pixels)


def write(
    path: pathlib.Path,
    rounds: Sequence[Round],
    base_mious: Mapping[str, Optional[float]],
    source: Source,
    split: Split,
) -> None:
    """Draws the rounds so far, and shows them in TensorBoard.

    Args:
        path: the run's folder.
        rounds: from `round_records.round_entry`.
        base_mious: mean IoU of each model's base in percent; None: unknown.
        source: the data set.
        split: of the run.
    """
    curves.write_charts(path / "rounds.png", *course(rounds, base_mious))
    pairs = zip(("image", "truth"), originals(source, split.unlabeled))
    first = beside_one_another([column(*pair) for pair in pairs if pair[1]])
    classes = legend(source.class_names, np.asarray(source.colours))
    figures = {}
    for model, own in curves.by_model(rounds).items():
        figures[model] = figure_6(path, own, first, classes)
        suffix = f"_{model}" if curves.has_peer(own[0]) else ""
        write_png_atomically(path / f"pseudo_labels{suffix}.png", figures[model])
    curves.write_tensorboard(
        path, rounds, base_mious, _SCALARS, f"{tags.IMAGES}/pseudo labels", figures
    )


def figure_6(
    path: pathlib.Path,
    rounds: Sequence[Round],
    first: Image.Image,
    classes: Image.Image,
) -> np.ndarray:
    """Draws images, truth, and the pseudo labels and weights of each round of a model.

    Rounds with a deleted or damaged picture have no columns.

    Args:
        path: the run's folder.
        rounds: of one model.
        first: the columns of images and, where known, true labels.
        classes: the legend of class colours, drawn last.

    Returns:
        RGB, uint8 [height, width, 3].
    """
    columns = [first]
    for each in rounds:
        with contextlib.suppress(*DAMAGES):
            with Image.open(path / "pictures" / f"{each['stage']}.png") as image:
                columns.append(image.convert("RGB"))
    return np.asarray(beside_one_another([*columns, classes]))


def course(
    rounds: Sequence[Round], base_mious: Mapping[str, Optional[float]]
) -> List[LineChart]:
    """Charts mean IoU, accuracies and weights over the rounds; arguments of `write`."""
    return curves.charts(
        rounds,
        base_mious,
        "test_miou",
        "Mean IoU after each round",
        "mean IoU (%), averaged weights",
        y_include=(),
    )
