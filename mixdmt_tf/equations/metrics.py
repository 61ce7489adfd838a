"""Numbers that the papers report. NumPy in, NumPy out: no gradient passes here."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def error_rate(labels: npt.ArrayLike, predictions: npt.ArrayLike) -> float:
    """Return the percentage of predictions that differ from the label.

    The figure in RealMix tables 2 to 6 (section 4).

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
        predictions: [...] predicted class ids, integers; one outside the classes is
            merely wrong.
        num_classes: C.

    Returns:
        [C] float64 in [0, 100]; NaN for a class without an example.

    Raises:
        ValueError: when the shapes differ, there is no example, or a label is outside.
    """
    true, predicted = _class_ids(labels, predictions)
    if true.max() >= num_classes:
        raise ValueError(f"labels must be below {num_classes}, got {true.max()}")
    total = np.bincount(true, minlength=num_classes)
    correct = np.bincount(true[true == predicted], minlength=num_classes)
    with np.errstate(invalid="ignore"):
        return 100.0 * correct / total


def auroc(positive: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Return the chance that a positive example scores higher than a negative one.

    The area under the ROC curve (Mann and Whitney 1947); a tie counts one half. With
    the largest probability as score it says how well confidence separates images of
    the classes from images of none, which is what RealMix's mask relies on (3.4).

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


def _class_ids(
    labels: npt.ArrayLike, predictions: npt.ArrayLike
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Check both arrays of class ids and return them flattened."""
    true, predicted = np.asarray(labels), np.asarray(predictions)
    if true.shape != predicted.shape:
        raise ValueError(
            "predictions must be class ids in the shape of labels, "
            f"{true.shape}, got {predicted.shape}"
        )
    if true.size == 0:
        raise ValueError("there must be at least one example, got none")
    for name, ids in (("labels", true), ("predictions", predicted)):
        if not np.issubdtype(ids.dtype, np.integer):
            raise ValueError(f"{name} must be integer class ids, got {ids.dtype}")
    if true.min() < 0:
        raise ValueError(f"labels must be 0 or more, got {true.min()}")
    return true.ravel(), predicted.ravel()
