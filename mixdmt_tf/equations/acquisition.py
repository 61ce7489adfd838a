"""Active learning: which images to label next. NumPy in, NumPy out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def mutual_information(probs: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return H[mean_m p_m] - mean_m H[p_m], the disagreement of several predictions.

    Houlsby et al. 2011 (arXiv:1112.5745) Eq. 2, 'BALD': the information that the label
    would give about which of the M members is right; the Jensen-Shannon divergence of M
    distributions. Members that are uncertain in the same way do not disagree. 0 log 0
    is 0.

    Args:
        probs: p [M, ..., C], predictions of M networks, or for M views of an image.

    Returns:
        [...] nats, in [0, log M].

    Raises:
        ValueError: when there is no axis of members besides that of classes.
    """
    members = np.asarray(probs, np.float64)
    if members.ndim < 2 or not len(members):
        raise ValueError(f"expected [M, ..., C] with M >= 1, got {members.shape}")
    together = _entropy(members.mean(0))
    alone = _entropy(members).mean(0)
    difference: npt.NDArray[np.float64] = np.maximum(together - alone, 0.0)
    return difference


def k_centre_greedy(
    features: npt.ArrayLike, centres: npt.ArrayLike, count: int
) -> npt.NDArray[np.int64]:
    """Select the images that are farthest from all labelled ones, one by one.

    k-Center-Greedy of Sener and Savarese 2018 (arXiv:1708.00489): the next image is the
    one with the largest Euclidean distance to its nearest centre; it becomes a centre
    itself. At ties the first image is selected.

    Args:
        features: [N, D] features of the images to choose from.
        centres: [n, D] features of the labelled images; if there are none (n = 0), the
            first image is selected first.
        count: k, number of images to select, up to N.

    Returns:
        [k] indices of rows of `features`, all different, in the order of selection.

    Raises:
        ValueError: when the shapes don't fit or there are fewer images than `count`.
    """
    rows, others = np.asarray(features, np.float64), np.asarray(centres, np.float64)
    if rows.ndim != 2 or others.shape[1:] != rows.shape[1:] or count > len(rows):
        raise ValueError(f"{count} of {rows.shape} beside {others.shape}")
    nearest = np.full(len(rows), np.inf)
    for centre in others:
        nearest = np.minimum(nearest, _squared_distances(rows, centre))
    chosen = np.zeros(count, np.int64)
    for place in range(count):
        chosen[place] = nearest.argmax()
        nearest = np.minimum(nearest, _squared_distances(rows, rows[chosen[place]]))
        nearest[chosen[place]] = -np.inf
    return chosen


def _squared_distances(
    rows: npt.NDArray[np.float64], centre: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    difference = rows - centre
    distances: npt.NDArray[np.float64] = np.einsum("nd,nd->n", difference, difference)
    return distances


def _entropy(probs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    logs = np.log(np.where(probs > 0, probs, 1.0))
    entropy: npt.NDArray[np.float64] = -np.sum(probs * logs, axis=-1)
    return entropy
