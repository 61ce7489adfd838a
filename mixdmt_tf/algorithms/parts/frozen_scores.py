"""Scores from the features that a network has before it is trained on.

A network that starts from the weights of other data tells images of the labelled
classes from others by the cosine to the 5th nearest labelled image (`nearest_cosine`),
and no training of this run can make it sure of strangers. Features are standardized
over labelled and unlabelled images together: what sets all of them apart from the
photos that the weights come from says nothing of either.

For the share of strangers, labelled images are scored without themselves, and all
scores become ranks within the class of the near images (`class_p_values`): classes
differ in how near each other their images are, and those that are frequent among the
labelled images may be absent among the unlabelled ones.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, Tuple

import numpy as np
import tensorflow as tf

from mixdmt_tf.algorithms.parts.image_scores import ImageScores
from mixdmt_tf.equations import class_p_values
from mixdmt_tf.progress import Progress

NEIGHBOURS = 5
SAMPLE = 5000  # unlabelled images that means and deviations are taken of


def frozen_scores(extractor: Any, pipeline: Any) -> ImageScores:
    """Scores all unlabelled images of a run.

    Args:
        extractor: Keras model, images [B, H, W, channels] to features [B, D].
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
    """The cosine to the 5th nearest reference, and the class of the nearest five.

    Args:
        features: float [n, D], of length 1.
        references: float [m, D], of length 1.
        labels: int [m], their classes.
        same: features are the references: each is compared with the others.

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
    """Standardizes features as those of a sample are, then scales them to length 1."""
    mean, deviation = sample.mean(0), sample.std(0)
    # Features that hardly differ would count for too much where they do.
    deviation = np.maximum(deviation, max(float(deviation.mean()) / 10, 1e-6))

    def standardized(features: np.ndarray) -> np.ndarray:
        moved = (features - mean) / deviation
        lengths = np.linalg.norm(moved, axis=1, keepdims=True)
        scaled: np.ndarray = moved / np.maximum(lengths, 1e-12)
        return scaled

    return standardized
