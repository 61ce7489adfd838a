"""Metrics that the papers report. NumPy in, NumPy out, without gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def error_rate(labels: npt.ArrayLike, predictions: npt.ArrayLike) -> float:
    """Return the percentage of predictions that differ from the label.

    The metric of RealMix tables 2 to 6 (section 4).

    Args:
        labels: [...] true class ids, integers of 0 or more.
        predictions: [...] predicted class ids, integers.

    Returns:
        A float in [0, 100].

    Raises:
        ValueError: when the shapes differ, there is no example, or a label is negative
            (-1 marks an unknown label, which can't be scored).
    """
    true, predicted = _class_ids(labels, predictions)
    return 100.0 * float(np.mean(true != predicted))


def accuracy_by_class(
    labels: npt.ArrayLike, predictions: npt.ArrayLike, num_classes: int
) -> npt.NDArray[np.float64]:
    """Return, for each class, the percentage of its examples predicted correctly.

    Their mean, unlike the overall accuracy, does not favour frequent classes; it tells
    which classes a mismatched unlabelled set harms (RealMix section 4.2.2).

    Args:
        labels: [...] true class ids, integers in [0, num_classes).
        predictions: [...] predicted class ids, integers; ids outside the classes count
            as wrong.
        num_classes: C.

    Returns:
        [C] float64 in [0, 100]; NaN for a class without an example.

    Raises:
        ValueError: when the shapes differ, there is no example, or a label is out of
            range.
    """
    true, predicted = _class_ids(labels, predictions)
    if true.max() >= num_classes:
        raise ValueError(f"labels must be below {num_classes}, got {true.max()}")
    total = np.bincount(true, minlength=num_classes)
    correct = np.bincount(true[true == predicted], minlength=num_classes)
    with np.errstate(invalid="ignore"):
        return 100.0 * correct / total


def auroc(positive: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Return the probability that a positive example scores higher than a negative.

    The area under the ROC curve (Mann and Whitney 1947); a tie counts one half. With
    the largest probability as score it measures how well confidence separates images of
    the classes from images of none, on which RealMix's mask (section 3.4) relies.

    Args:
        positive: [...] whether an example is positive, bool.
        scores: [...] of the same shape, any real numbers without NaN.

    Returns:
        A float in [0, 1].

    Raises:
        ValueError: when the shapes differ, or one kind of example is missing.
    """
    is_positive, values = np.asarray(positive, bool), np.asarray(scores)
    if is_positive.shape != values.shape:
        raise ValueError(f"scores must be {is_positive.shape}, got {values.shape}")
    up, down = values[is_positive], np.sort(values[~is_positive])
    if not up.size or not down.size:
        raise ValueError("there must be a positive and a negative example")
    below = np.searchsorted(down, up, "left") + np.searchsorted(down, up, "right")
    return float(np.mean(below / (2 * down.size)))


def fine_grained_accuracy(labels: npt.ArrayLike, probs: npt.ArrayLike) -> float:
    """Return the accuracy weighted by confidence, in percent.

    DMT (arXiv:2004.08514) appendix C, fine-grained testing: an example that is
    classified correctly counts as the probability of its class, any other as 0. This
    distinguishes models on a validation set of 200 images, where accuracy has steps of
    0.5 %.

    Args:
        labels: [...] true class ids, integers of 0 or more.
        probs: [..., C] predicted probabilities; at ties the first class is the
            prediction.

    Returns:
        A float in [0, 100], at most the accuracy.

    Raises:
        ValueError: when the shapes don't fit, there is no example, or a label is
            negative.
    """
    probs = np.asarray(probs, np.float64)
    if probs.ndim != np.ndim(labels) + 1:
        raise ValueError(
            f"probs must have one axis more than labels, got {probs.shape}"
        )
    true, predicted = _class_ids(labels, probs.argmax(axis=-1))
    confidence = probs.max(axis=-1).ravel()
    return 100.0 * float(np.mean(np.where(true == predicted, confidence, 0.0)))


def accuracy_by_confidence(
    labels: npt.ArrayLike,
    predictions: npt.ArrayLike,
    confidence: npt.ArrayLike,
    bins: int = 10,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return the number of predictions in each bin of confidence, and their accuracy.

    As in DMT (arXiv:2004.08514) figure 1: some confident predictions are wrong, and
    many unconfident ones are right. Bin i is [i / bins, (i + 1) / bins), and a
    confidence of 1 belongs to the last.

    Args:
        labels: [...] true class ids, integers of 0 or more.
        predictions: [...] predicted class ids, integers.
        confidence: [...] largest predicted probability, in [0, 1].
        bins: number of bins, 1 or more.

    Returns:
        Two arrays [bins]: numbers, int64, and percentages, float64, NaN where the
        number is 0.

    Raises:
        ValueError: when the shapes differ, there is no example, a label is negative, a
            confidence is outside [0, 1] or NaN, or bins is below 1.
    """
    true, predicted = _class_ids(labels, predictions)
    scores = np.asarray(confidence, np.float64)
    if scores.shape != np.shape(labels) or not np.all((scores >= 0) & (scores <= 1)):
        raise ValueError("confidence must be in [0, 1], one for each label")
    if bins < 1:
        raise ValueError(f"bins must be 1 or more, got {bins}")
    ranges = np.minimum((scores.ravel() * bins).astype(np.int64), bins - 1)
    total = np.bincount(ranges, minlength=bins)
    correct = np.bincount(ranges[true == predicted], minlength=bins)
    with np.errstate(invalid="ignore"):
        return total, 100.0 * correct / total


def confusion_counts(
    labels: npt.ArrayLike,
    predictions: npt.ArrayLike,
    num_classes: int,
    ignored: int = 255,
) -> npt.NDArray[np.int64]:
    """Return how often each class was predicted as each class.

    The sum of the counts of several images is the count of them together, so that a
    data set of any size can be scored image by image.

    Args:
        labels: [...] true class ids, integers in [0, C) or `ignored`.
        predictions: [...] predicted class ids, integers in [0, C); any value where the
            label is ignored.
        num_classes: C.
        ignored: the label of pixels that are not scored.

    Returns:
        [C, C] int64; rows are true classes, columns predicted ones.

    Raises:
        ValueError: when the shapes differ, ids are not integers, or a class that is
            scored is outside.
    """
    true, predicted = _same_integers(labels, predictions)
    true, predicted = true[true != ignored], predicted[true != ignored]
    for name, ids in (("labels", true), ("predictions", predicted)):
        if ids.size and not 0 <= ids.min() <= ids.max() < num_classes:
            raise ValueError(
                f"{name} must be in 0..{num_classes - 1} where the label is not "
                f"{ignored}, got {ids.min()}..{ids.max()}"
            )
    cells = true.astype(np.int64) * num_classes + predicted.astype(np.int64)
    counts = np.bincount(cells, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def iou_by_class(counts: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the intersection over union of each class, as a percentage.

    Of the pixels that are of the class, or predicted as it, those that are both
    (PASCAL VOC; DMT, arXiv:2004.08514, Tables 4 to 7).

    Args:
        counts: [C, C] from `confusion_counts`.

    Returns:
        [C] float64 in [0, 100]; NaN for a class neither true nor predicted anywhere.

    Raises:
        ValueError: when counts is not a square matrix.
    """
    matrix = np.asarray(counts, np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"counts must be a square matrix, got {matrix.shape}")
    both = np.diag(matrix)
    either = matrix.sum(axis=0) + matrix.sum(axis=1) - both
    with np.errstate(invalid="ignore"):
        return np.divide(100.0 * both, either, dtype=np.float64)


def mean_iou(counts: npt.ArrayLike) -> float:
    """Return the mean of `iou_by_class` over the classes that occur.

    DMT (arXiv:2004.08514) Tables 4 to 7, where every class occurs; its released code
    gives NaN where one does not.

    Args:
        counts: [C, C] from `confusion_counts`.

    Returns:
        A float in [0, 100].

    Raises:
        ValueError: when counts is not a square matrix, or all of it is 0.
    """
    iou = iou_by_class(counts)
    if np.isnan(iou).all():
        raise ValueError("there must be at least one pixel that is scored, got none")
    return float(np.nanmean(iou))


def _same_integers(
    labels: npt.ArrayLike, predictions: npt.ArrayLike
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Check that both are integers of one shape and return them flattened."""
    true, predicted = np.asarray(labels), np.asarray(predictions)
    if true.shape != predicted.shape:
        raise ValueError(
            "predictions must be class ids in the shape of labels, "
            f"{true.shape}, got {predicted.shape}"
        )
    for name, ids in (("labels", true), ("predictions", predicted)):
        if ids.size and not np.issubdtype(ids.dtype, np.integer):
            raise ValueError(f"{name} must be integer class ids, got {ids.dtype}")
    return true.ravel(), predicted.ravel()


def _class_ids(
    labels: npt.ArrayLike, predictions: npt.ArrayLike
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Check both arrays of class ids and return them flattened."""
    true, predicted = _same_integers(labels, predictions)
    if true.size == 0:
        raise ValueError("there must be at least one example, got none")
    if true.min() < 0:
        raise ValueError(f"labels must be 0 or more, got {true.min()}")
    return true, predicted
