"""Calibration error and temperature scaling. NumPy in, NumPy out.

Guo, Pleiss, Sun and Weinberger 2017 (arXiv:1706.04599).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy  # its parts are imported when they are used

from mixdmt_tf.equations.metrics import accuracy_by_confidence


def at_temperature(probs: npt.ArrayLike, temperature: float) -> npt.NDArray[np.float64]:
    """Return softmax(log(p) / T): less confident probabilities if T is above 1.

    Temperature scaling of Guo et al.

    Args:
        probs: [..., C] probabilities.
        temperature: T > 0.

    Returns:
        [..., C] float64.

    Raises:
        ValueError: when temperature is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    given = np.maximum(np.asarray(probs, np.float64), 1e-30)
    logs = np.log(given) / temperature
    powers = np.exp(logs - logs.max(-1, keepdims=True))
    found: npt.NDArray[np.float64] = powers / powers.sum(-1, keepdims=True)
    return found


def fitted_temperature(probs: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Return the T in [1/20, 20] that maximizes the likelihood of the labels.

    Temperature scaling of Guo et al.: T is fitted on images that were not used for
    training.

    Args:
        probs: [N, C] probabilities, N >= 1.
        labels: [N] classes.

    Returns:
        T, a float.

    Raises:
        ValueError: when there are no images.
    """
    given, classes = np.asarray(probs), np.asarray(labels)
    if not len(classes):
        raise ValueError("no images to fit the temperature on")

    def cost(log_temperature: float) -> float:
        found = at_temperature(given, float(np.exp(log_temperature)))
        own = found[np.arange(len(classes)), classes]
        return float(-np.log(np.maximum(own, 1e-30)).mean())

    within = -np.log(20), np.log(20)
    found = scipy.optimize.minimize_scalar(cost, bounds=within, method="bounded")
    return float(np.exp(found.x))


def expected_calibration_error(
    labels: npt.ArrayLike,
    predictions: npt.ArrayLike,
    confidence: npt.ArrayLike,
    bins: int = 10,
) -> float:
    """Return the mean difference between confidence and accuracy, in percent.

    Guo et al. equation 3: the mean over bins of confidence of the absolute difference
    between accuracy and mean confidence, weighted by the number of examples. Bins are
    those of `metrics.accuracy_by_confidence`, [i / bins, (i + 1) / bins).

    Args:
        labels: [...] true class ids, integers of 0 or more.
        predictions: [...] predicted class ids, integers.
        confidence: [...] largest predicted probability, in [0, 1].
        bins: number of bins, 1 or more.

    Returns:
        Percentage points, a float.

    Raises:
        ValueError: as `metrics.accuracy_by_confidence`.
    """
    numbers, hits = accuracy_by_confidence(labels, predictions, confidence, bins)
    scores = np.asarray(confidence, np.float64).ravel()
    ranges = np.minimum((scores * bins).astype(np.int64), bins - 1)
    sums = np.bincount(ranges, scores, minlength=bins)
    some = numbers > 0
    gaps = np.abs(hits[some] * numbers[some] - 100.0 * sums[some])
    return float(gaps.sum() / numbers.sum())
