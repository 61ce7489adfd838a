"""Which pseudo labels, and which labelled examples, a round of DMT trains on.

Dynamic Mutual Training (arXiv:2004.08514) sections 3.1 (Eq. 2), 4.1.2 (Eq. 11) and 4.2,
algorithms 1 and 2. A share alpha of the unlabelled images, or of the pixels of each
class, is kept: those with the highest confidence, the largest probability predicted.
NumPy in, NumPy out.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, Iterator, Sequence

import numpy as np
import numpy.typing as npt


def top_count(total: int, alpha: float) -> int:
    """Return round(alpha * N), the number of images in the top alpha of N.

    DMT algorithm 1. Computed exactly, halves to the even number.

    Args:
        total: N, 0 or more.
        alpha: share to keep, in (0, 1].

    Returns:
        An int in [0, N].

    Raises:
        ValueError: when alpha is outside (0, 1].
    """
    return round(_exact(alpha) * total)


def top_count_released(total: int, alpha: float) -> int:
    """Return how many images DMT's released code keeps: alpha * N - 2, a mistake.

    Its threshold is the element int(-alpha * N + 1) of the ascending confidences, and
    it keeps images strictly above, which gives this number if no two are equal. If
    alpha * N is below 2, that index is 0, so that all but one are kept. alpha = 1 keeps
    all.

    Args:
        total: N, 0 or more.
        alpha: share to keep, in (0, 1].

    Returns:
        An int in [0, N].

    Raises:
        ValueError: when alpha is outside (0, 1].
    """
    share = _exact(alpha)
    if share == 1:
        return total
    whole = math.floor(share * total)
    return whole - 2 if whole >= 2 else max(total - 1, 0)


def top_confident(
    ids: npt.ArrayLike, confidence: npt.ArrayLike, count: int
) -> tuple[npt.NDArray[Any], float]:
    """Return the ids of the `count` most confident images, and the lowest confidence.

    DMT algorithm 1: one ranking of all unlabelled images, whatever their class. At ties
    the lower ids are kept, so that the result depends neither on the order of the rows
    nor on the sorting algorithm, and a smaller count gives a subset.

    Args:
        ids: [N] image ids, all different; numbers or names.
        confidence: [N] largest predicted probability of each image.
        count: images to keep, from `top_count` or `top_count_released`.

    Returns:
        [count] ids in ascending order, and the confidence of the last one kept;
        infinity when none is.

    Raises:
        ValueError: when the shapes differ, ids repeat, a confidence is NaN, or there
            are fewer images than `count`.
    """
    names, scores = np.asarray(ids), np.asarray(confidence)
    _require_ranking(ids=names, confidence=scores)
    _require_ids(names, count)
    if not count:
        return names[:0], math.inf
    # Memory for ten million rows: this needs neither a full ranking nor float64 copies.
    first = len(names) - count
    lowest = np.partition(scores, first)[first]
    surer, tied = scores > lowest, np.sort(names[scores == lowest])
    chosen = [names[surer], tied[: count - np.count_nonzero(surer)]]
    return np.sort(np.concatenate(chosen)), float(lowest)


def _require_ids(names: npt.NDArray[Any], count: int) -> None:
    if names.ndim != 1 or not _all_different(names):
        raise ValueError("ids must be a vector of ids that are all different")
    if not 0 <= count <= len(names):
        raise ValueError(f"count must be in 0..{len(names)}, got {count}")


def _all_different(names: npt.NDArray[Any]) -> bool:
    if (names[1:] > names[:-1]).all():  # sorted, like the ids of a split
        return True
    return len(np.unique(names)) == len(names)


def ranking_sample(pixels: npt.ArrayLike, every: int = 16) -> npt.NDArray[Any]:
    """Return every 16th pixel of an image, row by row, or all of them.

    The pixels that `class_thresholds` ranks. DMT's released code uses every 16th of
    each image, starting with the first, because the pixels of a whole data set don't
    fit into memory. The same call for labels and confidences gives the same pixels.

    Args:
        pixels: [...] one value per pixel of one image, any dtype.
        every: 1 or more; 1 is the exact ranking.

    Returns:
        [ceil(pixels / every)], the dtype of the input.

    Raises:
        ValueError: when every is below 1.
    """
    if every < 1:
        raise ValueError(f"every must be 1 or more, got {every}")
    return np.asarray(pixels).reshape(-1)[::every]


def class_thresholds(
    predictions: npt.ArrayLike,
    confidence: npt.ArrayLike,
    num_classes: int,
    alpha: float,
) -> npt.NDArray[np.float64]:
    """Return, for each class, the confidence that its top alpha of pixels reach.

    DMT algorithm 2: direct ranking within each predicted class, without the
    renormalisation of CBST (section 4.2.2). Of n pixels round(alpha * n) reach the
    threshold, but at least one. With alpha = 1 the threshold is 0, so that pixels left
    out of a sampled ranking are kept, too. It is also 0 for a class that was never
    predicted.

    Args:
        predictions: [...] predicted class of each pixel, integers in [0, C).
        confidence: [...] their probabilities, of the same shape.
        num_classes: C.
        alpha: share to keep, in (0, 1].

    Returns:
        [C] float64, for `threshold_labels`.

    Raises:
        ValueError: when the shapes differ, a prediction is no class, a confidence is
            NaN, or alpha is outside (0, 1].
    """
    share, thresholds = _exact(alpha), np.zeros(num_classes)
    for c, scores in enumerate(_by_class(predictions, confidence, num_classes)):
        if scores.size and share < 1:
            rank = scores.size - max(1, top_count(scores.size, alpha))
            thresholds[c] = np.partition(scores, rank)[rank]
    return thresholds


def class_thresholds_released(
    predictions: npt.ArrayLike,
    confidence: npt.ArrayLike,
    num_classes: int,
    alpha: float,
) -> npt.NDArray[np.float64]:
    """Return the threshold of each class as DMT's released code computes it.

    Of n pixels floor(alpha * n) + 1 reach it; all of them if alpha * n is below 1
    (threshold 1e-5). With alpha = 1 it is the lowest confidence in the ranking, so that
    less confident pixels outside of the sample are still ignored. A class that was
    never predicted gets 1e-5; with alpha = 1 the release fails there.

    Args:
        predictions: [...] predicted class of each pixel, integers in [0, C).
        confidence: [...] their probabilities, of the same shape.
        num_classes: C.
        alpha: share to keep, in (0, 1].

    Returns:
        [C] float64, for `threshold_labels`.

    Raises:
        ValueError: when the shapes differ, a prediction is no class, a confidence is
            NaN, or alpha is outside (0, 1].
    """
    share, thresholds = _exact(alpha), np.full(num_classes, 1e-5)
    for c, scores in enumerate(_by_class(predictions, confidence, num_classes)):
        if scores.size * share >= 1:
            rank = max(0, scores.size - math.floor(share * scores.size) - 1)
            thresholds[c] = np.partition(scores, rank)[rank]
    return thresholds


def threshold_labels(
    predictions: npt.ArrayLike,
    confidence: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    ignored: int = 255,
) -> npt.NDArray[Any]:
    """Return the predicted class where it reaches its class's threshold, else 255.

    DMT Eq. 2, where T is the threshold of the predicted class. Ties are kept, as in the
    released code; the equation has a strict inequality.

    Args:
        predictions: [...] predicted classes, integers in [0, C).
        confidence: [...] their probabilities, of the same shape.
        thresholds: [C], from `class_thresholds`.
        ignored: the label of a pixel that is left out, outside [0, C).

    Returns:
        [...] int64.

    Raises:
        ValueError: when the shapes differ, a prediction is no class, a confidence is
            NaN, or `ignored` is a class.
    """
    limits = np.asarray(thresholds)
    classes, scores = _class_ranking(predictions, confidence, len(limits))
    if 0 <= ignored < len(limits):
        raise ValueError(f"ignored must be no class, got {ignored}")
    return np.where(scores >= limits[classes], classes, ignored).astype(np.int64)


def difference_maximized(
    shuffled: Sequence[Any] | npt.NDArray[Any], alpha: float
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return S_A and S_B, the first and the last alpha of a shuffled labelled set.

    DMT Eq. 11, difference maximised sampling: two subsets of equal size that share as
    little as possible, for two networks that start from the same weights. Each has
    floor(alpha * L) examples, and the paper's runs use alpha = 0.8.

    Args:
        shuffled: [L, ...] labelled examples or their ids, shuffled by the caller.
        alpha: share of each subset, 0.5 < alpha < 1.

    Returns:
        Two arrays [floor(alpha * L), ...].

    Raises:
        ValueError: when alpha is outside (0.5, 1), or the subsets would be empty.
    """
    if not 0.5 < alpha < 1:
        raise ValueError(f"alpha must be between 0.5 and 1, got {alpha}")
    order = np.asarray(shuffled)
    size = math.floor(_exact(alpha) * len(order))
    if size == 0:
        raise ValueError(f"{len(order)} labelled examples are too few for two subsets")
    return order[:size], order[-size:]


def _exact(alpha: float) -> Fraction:
    """Check a share and return it as an exact decimal (0.29 * 100 is 29)."""
    if not 0 < alpha <= 1:
        raise ValueError(f"alpha must be above 0 and at most 1, got {alpha}")
    return Fraction(float(alpha)).limit_denominator(10**6)


def _require_ranking(**arrays: npt.NDArray[Any]) -> None:
    """Require that the second array has the shape of the first, and no NaN."""
    (name, first), (other, scores) = arrays.items()
    if scores.shape != first.shape:
        raise ValueError(
            f"{other} must have the shape of {name}, {first.shape}, got {scores.shape}"
        )
    if np.isnan(scores).any():
        raise ValueError(f"{other} must be numbers, got NaN")


def _class_ranking(
    predictions: npt.ArrayLike, confidence: npt.ArrayLike, num_classes: int
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Check predicted classes and their confidences, and return them as arrays."""
    classes, scores = np.asarray(predictions), np.asarray(confidence)
    _require_ranking(predictions=classes, confidence=scores)
    if not np.issubdtype(classes.dtype, np.integer):
        raise ValueError(f"predictions must be integers, got {classes.dtype}")
    if classes.size and not 0 <= classes.min() <= classes.max() < num_classes:
        raise ValueError(
            f"predictions must be in 0..{num_classes - 1}, "
            f"got {classes.min()}..{classes.max()}"
        )
    return classes, scores


def _by_class(
    predictions: npt.ArrayLike, confidence: npt.ArrayLike, num_classes: int
) -> Iterator[npt.NDArray[Any]]:
    """Return the confidences of the pixels of each predicted class, one by one."""
    classes, scores = _class_ranking(predictions, confidence, num_classes)
    return (scores[classes == c] for c in range(num_classes))
