"""Scores from the features that a network has before it is trained on.

A network that was pretrained on other data distinguishes images of the labelled classes
from strangers, images of none of the classes, by the cosine to the 5th nearest labelled
image (`nearest_cosine`). Since it is not trained in this run, it can't become confident
about strangers. Features are standardized over labelled and unlabelled images together:
what distinguishes all of them from the pretraining images is of no use here.

To estimate the share of strangers, each labelled image is compared with the other
labelled images only, and all scores become ranks within the class of the nearest images
(`class_p_values`). The reason is that classes differ in how similar their images are,
and classes that are frequent among the labelled images may be absent among the
unlabelled ones.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, Tuple

import numpy as np
import tensorflow as tf

from mixdmt_tf.algorithms.parts.image_scores import ImageScores
from mixdmt_tf.equations import class_p_values
from mixdmt_tf.progress import Progress

NEIGHBOURS = 5
SAMPLE = 5000  # unlabelled images from which means and deviations are computed


def frozen_scores(extractor: Any, pipeline: Any) -> ImageScores:
    """Scores all unlabelled images of a run.

    Args:
        extractor: Keras model that maps images [B, H, W, channels] to features [B, D].
        pipeline: the run's images (`data.classification.pipeline.Pipeline`).

    Returns:
        Cosines as scores; ranks within the class as `held_out` and `pool`.
    """
    compute = tf.function(
        lambda images: tf.cast(extractor(images, training=False), tf.float32),
        reduce_retracing=True,
    )
    images, labels = zip(*pipeline.labeled_images())
    labeled, classes = _features(compute, images), np.concatenate(labels)
    total = len(pipeline.split.unlabeled)
    places = np.unique(np.linspace(0, total - 1, min(SAMPLE, total)).astype(int))
    sample = _features(compute, pipeline.unlabeled_images(places))
    standardized = _standardizer(np.concatenate([labeled, sample]))
    references = standardized(labeled)
    held_out, held_out_classes = nearest(references, references, classes, True)

    progress = Progress("features", "images")
    found = []
    for some in pipeline.unlabeled_images():
        features = standardized(compute(some).numpy())
        found.append(nearest(features, references, classes))
        progress.update(sum(len(each) for each, _ in found), total)
    progress.close()
    scores, near = (np.concatenate(each) for each in zip(*found))

    def ranks(scores: np.ndarray, near: np.ndarray) -> np.ndarray:
        return class_p_values(held_out, held_out_classes, scores, near)

    return ImageScores(
        scores.astype(np.float32),
        ranks(held_out, held_out_classes),
        ranks(scores, near),
    )


def nearest(
    features: np.ndarray, references: np.ndarray, labels: np.ndarray, same: bool = False
) -> Tuple[np.ndarray, np.ndarray]:
    """Returns the cosine to the 5th nearest reference, and the class of these five.

    Args:
        features: float [n, D], vectors of length 1.
        references: float [m, D], vectors of length 1.
        labels: int [m], classes of the references.
        same: whether features are the references; each is compared with the others.

    Returns:
        Cosines float [n], and classes int [n] by a vote with weights 1 + cosine.
    """
    cosines = features @ references.T
    if same:
        np.fill_diagonal(cosines, -np.inf)
    count = min(NEIGHBOURS, len(references) - same)
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :count]
    top = np.take_along_axis(cosines, order, axis=1)
    votes = np.zeros((len(features), int(labels.max()) + 1))
    np.add.at(votes, (np.arange(len(features))[:, None], labels[order]), 1 + top)
    return top[:, -1], votes.argmax(axis=1)


def _features(compute: Callable[[Any], Any], images: Iterable[Any]) -> np.ndarray:
    return np.concatenate([compute(some).numpy() for some in images])


def _standardizer(sample: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function that standardizes features by a sample, to length 1."""
    mean, deviation = sample.mean(0), sample.std(0)
    # Features that hardly vary in the sample would otherwise get too much weight.
    deviation = np.maximum(deviation, max(float(deviation.mean()) / 10, 1e-6))

    def standardized(features: np.ndarray) -> np.ndarray:
        moved = (features - mean) / deviation
        lengths = np.linalg.norm(moved, axis=1, keepdims=True)
        scaled: np.ndarray = moved / np.maximum(lengths, 1e-12)
        return scaled

    return standardized
