"""Label propagation (Iscen et al. 2019) with dense matrices and an exact solution."""

from __future__ import annotations

import math

import numpy as np


def neighbours(features, k):
    """The k images at the smallest angle to each, the nearest first."""
    units = [np.array(v, np.float64) / np.linalg.norm(v) for v in features]
    found = []
    for i, own in enumerate(units):
        others = [(-float(own @ other), j) for j, other in enumerate(units) if j != i]
        found.append([j for _, j in sorted(others)[:k]])
    return found


def normalized_affinities(features, k, power):
    """W = A + A^T, then D^-1/2 W D^-1/2."""
    n = len(features)
    units = [np.array(v, np.float64) / np.linalg.norm(v) for v in features]
    directed = np.zeros((n, n))
    for i, near in enumerate(neighbours(features, k)):
        for j in near:
            directed[i, j] = max(float(units[i] @ units[j]), 0) ** power
    both = directed + directed.T
    degrees = both.sum(1)
    result = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            if both[i, j]:
                result[i, j] = both[i, j] / math.sqrt(degrees[i] * degrees[j])
    return result


def scores(graph, labels, classes, alpha):
    """(I - alpha W)^-1 Y, by elimination."""
    start = np.zeros((len(labels), classes))
    for i, label in enumerate(labels):
        if label >= 0:
            start[i, label] = 1 / list(labels).count(label)
    return np.linalg.solve(np.eye(len(labels)) - alpha * np.asarray(graph), start)


def certainties(z):
    """1 - H(p) / log C, over the largest; 0 for a row of zeros."""
    found = []
    for row in z:
        total, entropy = sum(row), 0.0
        if not total:
            found.append(0.0)
            continue
        for score in row:
            if score > 0:
                entropy -= score / total * math.log(score / total)
        found.append(1 - entropy / math.log(len(row)))
    return np.array(found) / max(found)
