"""Standard deviations of the difference of two scores. NumPy in, NumPy out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mixdmt_tf.equations.metrics import mean_iou


def error_difference_deviation(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Return the standard deviation of the difference of two error rates.

    Both models are evaluated on the same n examples. With b examples that only the
    first gets wrong and c that only the second does, the difference is (b - c) / n, and
    its deviation sqrt((p + q) - (p - q)^2) / sqrt(n + 2) with p = (b + 1/2) / (n + 2)
    and q = (c + 1/2) / (n + 2). The halves (Agresti and Min 2005) avoid a deviation
    that is too small for few examples; without them it is the binomial one of McNemar's
    test.

    Args:
        first: bool [n], which examples one model gets wrong.
        second: bool [n], which examples the other gets wrong.

    Returns:
        A float, in percent.

    Raises:
        ValueError: when the shapes differ, or there is no example.
    """
    one, other = np.asarray(first, bool), np.asarray(second, bool)
    if one.shape != other.shape or one.ndim != 1 or not one.size:
        raise ValueError(f"expected two [n], got {one.shape} and {other.shape}")
    n = one.size + 2
    p = (np.count_nonzero(one & ~other) + 0.5) / n
    q = (np.count_nonzero(other & ~one) + 0.5) / n
    return 100.0 * float(np.sqrt((p + q - (p - q) ** 2) / n))


def miou_difference_deviation(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Return the standard deviation of the difference of two mean IoUs.

    The jackknife (Tukey 1958) over images: with d_i the difference without image i,
    sqrt((n - 1) / n sum (d_i - mean d)^2). Both models are evaluated on the same
    images, so that the difficulty of an image for both cancels out.

    Args:
        first: [n, C, C], `confusion_counts` of each image for one model.
        second: the same for the other model.

    Returns:
        A float, in percent; infinity unless at least two images have scored pixels.

    Raises:
        ValueError: when the shapes differ or are not [n, C, C].
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
