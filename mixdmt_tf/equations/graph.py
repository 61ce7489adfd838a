"""Label propagation over a graph of similar images.

Iscen, Tolias, Avrithis and Chum 2019 (arXiv:1904.04717), 'Label propagation for deep
semi-supervised learning', and its release (ahmetius/LP-DeepSSL). NumPy and SciPy's
sparse matrices; nothing here is differentiated.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import cg

TOLERANCE = 1e-6  # of the conjugate gradients, as in the release
ITERATIONS = 1000  # the release stops after 20


def affinity_graph(
    neighbours: npt.ArrayLike, similarities: npt.ArrayLike, power: float
) -> Any:
    """Return D^-1/2 (A + A^T) D^-1/2 with A_ij = max(v_i . v_j, 0)^gamma.

    Iscen et al.: the symmetric, normalized affinities of the k nearest neighbours. A
    pair of mutual neighbours counts twice, as in the paper.

    Args:
        neighbours: [N, k] the nearest images of each image, except itself; integers in
            [0, N).
        similarities: [N, k] inner products of their features of length 1.
        power: gamma.

    Returns:
        A SciPy CSR matrix [N, N], float64; rows of images without affinities are 0.

    Raises:
        ValueError: when the shapes differ, or an image is its own neighbour.
    """
    columns, values = np.asarray(neighbours), np.asarray(similarities, np.float64)
    if columns.shape != values.shape or columns.ndim != 2:
        raise ValueError(f"expected two [N, k], got {columns.shape}, {values.shape}")
    rows = np.repeat(np.arange(len(columns)), columns.shape[1])
    if (rows == columns.ravel()).any():
        raise ValueError("an image is among its own neighbours")
    pairs = np.maximum(values, 0).ravel() ** power, (rows, columns.ravel())
    directed = sparse.csr_matrix(pairs, shape=(len(columns),) * 2)
    both = directed + directed.T
    degrees = np.asarray(both.sum(1)).ravel()
    scale = sparse.diags(np.where(degrees > 0, degrees, np.inf) ** -0.5)
    return (scale @ both @ scale).tocsr()


def propagate_labels(
    graph: Any, labels: npt.ArrayLike, num_classes: int, alpha: float
) -> npt.NDArray[np.float64]:
    """Return Z, the solution of (I - alpha W) Z = Y by conjugate gradients.

    Iscen et al., the transductive step. Column c of Y is 1/n_c at the n_c labelled
    images of class c: equation 5, normalized as in the release by the size of the
    class, so that a class with more labels is not preferred. Negative values become 0.

    Args:
        graph: [N, N] from `affinity_graph`.
        labels: [N] classes, -1 where there is no label.
        num_classes: C.
        alpha: in [0, 1), how far labels spread.

    Returns:
        [N, C] float64.

    Raises:
        ValueError: when alpha is outside [0, 1), or the solution is not found.
    """
    if not 0 <= alpha < 1:
        raise ValueError(f"alpha must be in [0, 1), got {alpha}")
    known, matrix = np.asarray(labels), sparse.identity(graph.shape[0]) - alpha * graph
    scores = np.zeros((len(known), num_classes))
    for c in np.unique(known[known >= 0]):
        start = (known == c) / (known == c).sum()
        scores[:, c], left = cg(matrix, start, rtol=TOLERANCE, maxiter=ITERATIONS)
        if left:
            raise ValueError(f"class {c}: not solved in {left} iterations")
    return np.maximum(scores, 0)


def certainty(scores: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return omega = 1 - H(p) / log C, divided by its maximum, with p = z / sum of z.

    Iscen et al. equation 11, the weight of a pseudo label; the release divides by the
    maximum. Images that no label has reached have certainty 0.

    Args:
        scores: [N, C] 0 or more, from `propagate_labels`; C is 2 or more.

    Returns:
        [N] float64 in [0, 1].

    Raises:
        ValueError: when a score is negative.
    """
    given = np.asarray(scores, np.float64)
    if (given < 0).any():
        raise ValueError("scores must be 0 or more")
    classes, total = given.shape[-1], given.sum(-1, keepdims=True)
    p = np.divide(given, total, out=np.full_like(given, 1 / classes), where=total > 0)
    logs = np.log(p, out=np.zeros_like(p), where=p > 0)
    sure = np.maximum(1 + (p * logs).sum(-1) / np.log(classes), 0)
    sure[total[..., 0] <= 0] = 0
    found: npt.NDArray[np.float64] = sure / max(
        sure.max(initial=0), np.finfo(np.float64).tiny
    )
    return found


def balanced_class_weights(
    labels: npt.ArrayLike, num_classes: int
) -> npt.NDArray[np.float64]:
    """Return N / (C n_c), the weight of each class, by its number of labels.

    Iscen et al.: zeta, the inverse of the number of labels and pseudo labels of a
    class, scaled as in the release so that the mean over all images is 1.

    Args:
        labels: [N] classes, integers in [0, C).
        num_classes: C.

    Returns:
        [C] float64; 0 for a class without any label.
    """
    counts = np.bincount(np.asarray(labels), minlength=num_classes)
    weights = np.zeros(num_classes)
    there = counts > 0
    weights[there] = counts.sum() / (num_classes * counts[there])
    return weights
