"""How far two scores may differ by chance. NumPy in, NumPy out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mixdmt_tf.equations.metrics import mean_iou


def error_difference_deviation(first: float, second: float, examples: int) -> float:
    """Return the standard deviation of the difference of two error rates.

    Binomial, sqrt(p (1 - p) / n + q (1 - q) / n), of rates that are taken as if each
    model had seen two examples more, one of them an error (Agresti and Caffo 2000):
    otherwise a model without any error on few examples would be certain. That both are
    scored on the same examples is not used, which makes the deviation larger than that
    of paired predictions, hence cautious.

    Args:
        first: error rate of one model, percent.
        second: of the other.
        examples: that each was scored on, 1 or more.

    Returns:
        A float, in percent.

    Raises:
        ValueError: when there is no example, or a rate is outside [0, 100].
    """
    if examples < 1:
        raise ValueError(f"there must be at least one example, got {examples}")
    rates = np.array([first, second], np.float64) / 100
    if not np.all((rates >= 0) & (rates <= 1)):
        raise ValueError(f"rates must be in 0..100, got {first} and {second}")
    p = (rates * examples + 1) / (examples + 2)
    return 100.0 * float(np.sqrt(np.sum(p * (1 - p) / (examples + 2))))


def miou_difference_deviation(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Return the standard deviation of the difference of two mean IoUs.

    The jackknife (Tukey 1958) over images: with d_i the difference without image i,
    sqrt((n - 1) / n sum (d_i - mean d)^2). Both models are scored on the same images,
    and what an image makes harder for both cancels out.

    Args:
        first: [n, C, C], `confusion_counts` of each image by one model.
        second: the same by the other.

    Returns:
        A float, in percent; infinity unless two images have pixels that are scored,
        since one says nothing of others.

    Raises:
        ValueError: when the shapes differ or are of another form.
    """
    one, other = np.asarray(first), np.asarray(second)
    if one.shape != other.shape or one.ndim != 3:
        raise ValueError(f"expected two [n, C, C], got {one.shape} and {other.shape}")
    scored = one.sum(axis=(1, 2)) > 0
    one, other, n = one[scored], other[scored], int(scored.sum())
    if n < 2:
        return float("inf")
    totals = one.sum(axis=0), other.sum(axis=0)
    left_out = np.array(
        [mean_iou(totals[0] - a) - mean_iou(totals[1] - b) for a, b in zip(one, other)]
    )
    return float(np.sqrt((n - 1) / n * np.sum((left_out - left_out.mean()) ** 2)))
