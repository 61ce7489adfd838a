"""Metrics for multi-label images, where each label is true, false or unknown.

Labels are [N, L]: 1, 0, or -1 for unknown labels, which are not counted. All functions
use NumPy.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def wrong_decisions(
    labels: npt.ArrayLike, probs: npt.ArrayLike, threshold: float = 0.5
) -> float:
    """Return the percentage of known labels that are predicted wrongly.

    The Hamming loss of Schapire and Singer 2000 (Machine Learning 39), over known
    labels. A label is predicted where its probability is `threshold` or more.

    Args:
        labels: [N, L] integers: 1, 0, or -1 for unknown.
        probs: [N, L] probabilities.
        threshold: in [0, 1].

    Returns:
        A float in [0, 100].

    Raises:
        ValueError: when the shapes differ, a label is another number, or none is known.
    """
    true, p = _labels_and_probs(labels, probs)
    known = true >= 0
    return 100.0 * float(np.mean((p >= threshold)[known] != true[known]))


def average_precision(labels: npt.ArrayLike, probs: npt.ArrayLike) -> Floats:
    """Return, for each label, the area under its curve of precision over recall.

    The sum over thresholds n of (R_n - R_(n-1)) P_n, without interpolation (Manning,
    Raghavan and Schuetze 2008, section 8.4): the mean precision among images at least
    as likely as each one that has the label. Equal probabilities share a threshold. Its
    mean over labels is the mean average precision.

    Args:
        labels: [N, L] integers: 1, 0, or -1 for unknown.
        probs: [N, L] any real numbers without NaN; only their order counts.

    Returns:
        [L] float64 in [0, 100]; NaN for a label that no image is known to have.

    Raises:
        ValueError: when the shapes differ, a label is another number, or none is known.
    """
    true, p = _labels_and_probs(labels, probs)
    columns = zip(true.T, p.T)
    return np.array([_area(t[t >= 0] == 1, s[t >= 0]) for t, s in columns])


def _area(positive: npt.NDArray[np.bool_], scores: Floats) -> float:
    """Average precision in percent of one label, bool [n] and [n]."""
    if not positive.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    hits, ranked = np.cumsum(positive[order]), scores[order]
    last = np.append(ranked[1:] != ranked[:-1], True)  # of each threshold
    precision = (hits / np.arange(1, len(hits) + 1))[last]
    recall = hits[last] / hits[-1]
    return 100.0 * float(np.sum(np.diff(recall, prepend=0.0) * precision))


def recall_and_f1(
    labels: npt.ArrayLike, probs: npt.ArrayLike, threshold: float = 0.5
) -> tuple[Floats, Floats]:
    """Return, for each label, recall and the harmonic mean of recall and precision.

    With TP true positives, FN false negatives and FP false positives, these are
    TP / (TP + FN) and 2 TP / (2 TP + FP + FN) (van Rijsbergen 1979, F at beta 1).

    Args:
        labels: [N, L] integers: 1, 0, or -1 for unknown.
        probs: [N, L] probabilities.
        threshold: in [0, 1]; labels with this probability or more are predicted.

    Returns:
        Two arrays [L], float64 in [0, 100]; NaN for a label that no image is known to
        have.

    Raises:
        ValueError: when the shapes differ, a label is another number, or none is known.
    """
    true, p = _labels_and_probs(labels, probs)
    said, has = (p >= threshold) & (true >= 0), true == 1
    both = np.sum(said & has, 0)
    with np.errstate(invalid="ignore"):
        recall = 100.0 * both / np.sum(has, 0)
        f1 = 200.0 * both / (np.sum(said, 0) + np.sum(has, 0))
    return recall, np.where(has.any(0), f1, np.nan)


def _labels_and_probs(
    labels: npt.ArrayLike, probs: npt.ArrayLike
) -> tuple[npt.NDArray[np.int64], Floats]:
    true, p = np.asarray(labels), np.asarray(probs, np.float64)
    if true.ndim != 2 or true.shape != p.shape:
        raise ValueError(
            f"labels and probs must be [N, L] alike, got {true.shape} and {p.shape}"
        )
    if not np.isin(true, (-1, 0, 1)).all():
        raise ValueError("labels must be 1, 0, or -1 for unknown")
    if not (true >= 0).any():
        raise ValueError("there must be a label that is known")
    return true.astype(np.int64), p
