"""Pseudo labels of some images, and the loss weight of each pixel, as a round begins.

Figure 6 of DMT (arXiv:2004.08514). The weights are computed on whole images by the
network to be trained, before its first step of the round.
"""

from __future__ import annotations

import dataclasses
from typing import List, Optional, Tuple

import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw, ImageFont

from mixdmt_tf.algorithms import base
from mixdmt_tf.data.band_files import seen
from mixdmt_tf.data.segmentation.pseudo_labels import PseudoLabels
from mixdmt_tf.data.segmentation.source import IGNORED, Source, hidden_labels, paint
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.trained import Trained

IMAGES, SHOWN = 32, 4  # numbers of inspected and of drawn images
_HEIGHT, _TITLE = 160, 24  # pixels: height of a drawn image, and of the title above it


@dataclasses.dataclass(frozen=True, eq=False)
class Inspection:
    """Pseudo labels and loss weights of the inspected images.

    Attributes:
        weight_right: mean weight of pixels with a correct pseudo label; None if the
            true labels are unknown.
        weight_wrong: mean weight of pixels with a wrong pseudo label.
        labels: for each drawn image its pseudo labels, uint8 [H, W, 3].
        weights: for each drawn image its weights, drawn by `shade`.
    """

    weight_right: Optional[float]
    weight_wrong: Optional[float]
    labels: List[np.ndarray]
    weights: List[np.ndarray]


def chosen(ids: np.ndarray, number: int) -> List[int]:
    """Selects evenly spread unlabelled images, always the same ones."""
    places = np.linspace(0, len(ids) - 1, min(number, len(ids))).round().astype(int)
    return [int(ids[place]) for place in places]


def inspect(
    student: Trained, experiment: Experiment, pseudo: PseudoLabels, source: Source
) -> Inspection:
    """Computes pixel weights for a few unlabelled images.

    Args:
        student: the network to be trained, as it begins the round.
        experiment: of the run; its method weights the pixels.
        pseudo: the pseudo labels of the other network, or of the network itself.
        source: the data set.
    """
    classes = source.num_classes
    student.scorer.use(student.weights(experiment.run.init_weights))
    method = experiment.method_class()(
        student.scorer.network, experiment.method, base.RunFacts(classes, 0, 1)
    )
    ids = sorted(int(file.stem) for file in pseudo.folder.glob("*.npz"))
    shown = chosen(np.array(ids), SHOWN)
    looked_at = sorted({*chosen(np.array(ids), IMAGES), *shown})
    sums, pixels = np.zeros(2), np.zeros(2)  # of right labels, of wrong ones
    drawn: List[Tuple[np.ndarray, np.ndarray]] = []
    for sample_id in looked_at:
        sample = source.train[sample_id]
        labels, confidence = pseudo(sample_id)
        probs = student.scorer.probabilities(tf.constant(sample.image()[np.newaxis]))
        one_hot = tf.one_hot(labels[np.newaxis], classes)
        _, weights, _ = method.weigh(
            one_hot, tf.constant(confidence[np.newaxis]), probs
        )
        weight, kept = weights[0].numpy(), labels != IGNORED
        truth = hidden_labels(sample, classes)
        if truth is not None:
            judged = kept & (truth != IGNORED)
            for place, which in enumerate((labels == truth, labels != truth)):
                sums[place] += weight[judged & which].sum()
                pixels[place] += np.count_nonzero(judged & which)
        if sample_id in shown:
            colours = np.asarray(source.colours)
            drawn.append((paint(labels, colours), shade(np.where(kept, weight, 0.0))))
    means = [float(s / n) if n else None for s, n in zip(sums, pixels)]
    return Inspection(
        means[0], means[1], [one for one, _ in drawn], [two for _, two in drawn]
    )


def originals(source: Source, ids: np.ndarray) -> List[List[np.ndarray]]:
    """Returns the drawn images and their true labels, white where unknown.

    Returns:
        Two lists; the second one is empty if no labels are known at all.
    """
    found: List[List[np.ndarray]] = [[], []]
    unknown = True
    for sample_id in chosen(np.sort(ids), SHOWN):
        sample = source.train[sample_id]
        image = sample.image()
        labels = hidden_labels(sample, source.num_classes)
        unknown = unknown and labels is None
        if labels is None:
            labels = np.full(image.shape[:2], IGNORED, np.uint8)
        found[0].append(seen(image))
        found[1].append(paint(labels, np.asarray(source.colours)))
    return [found[0], []] if unknown else found


def shade(weights: np.ndarray) -> np.ndarray:
    """Converts weights in [0, 1] to grey levels, black to white: uint8 [H, W, 3]."""
    grey = np.rint(255 * np.clip(weights, 0, 1)).astype(np.uint8)
    return np.repeat(grey[..., np.newaxis], 3, axis=-1)


def column(title: str, pictures: List[np.ndarray]) -> Image.Image:
    """Stacks images of one height vertically, under a title, on white."""
    widths = [max(1, round(p.shape[1] * _HEIGHT / p.shape[0])) for p in pictures]
    height = _TITLE + len(pictures) * (_HEIGHT + 4)
    whole = Image.new("RGB", (max(widths) + 4, height), "white")
    font = ImageFont.load_default(14)
    ImageDraw.Draw(whole).text((4, 4), title, "black", font)
    for place, picture in enumerate(pictures):
        size = widths[place], _HEIGHT
        tile = Image.fromarray(picture).resize(size, Image.Resampling.NEAREST)
        whole.paste(tile, (2, _TITLE + place * (_HEIGHT + 4) + 2))
    return whole


def beside_one_another(columns: List[Image.Image]) -> Image.Image:
    """Joins columns of the same height into one image."""
    height = max(each.height for each in columns)
    whole = Image.new("RGB", (sum(each.width for each in columns), height), "white")
    x = 0
    for each in columns:
        whole.paste(each, (x, 0))
        x += each.width
    return whole
