"""Oracles of Co-teaching, Co-teaching+ and Decoupling, and of a step with two networks.

Pseudo labels are judged on images before mixup; see `parts/peer_rounds.py` for what the
frame is.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from tests.oracles import dmt_step


def disagreement_mask(probs, others):
    """Compare the first of the largest probabilities."""
    mask = np.zeros(probs.shape[:-1])
    for i in np.ndindex(*mask.shape):
        one, other = list(probs[i]), list(others[i])
        mask[i] = float(one.index(max(one)) != other.index(max(other)))
    return mask


def small_loss_mask(losses, candidates, forget):
    """Take the candidate of smallest loss, of several the first, and again."""
    left = [i for i, candidate in enumerate(candidates) if candidate]
    count = math.floor((1 - Fraction(str(forget))) * len(left))
    mask = np.zeros(len(losses))
    for _ in range(count):
        best = min(left, key=lambda i: (float(losses[i]), i))
        left.remove(best)
        mask[best] = 1
    return mask


def forget_rate(progress, noise_rate, ramp):
    """R(t) = min(t / T_k, 1) tau; both in shares of the run."""
    return noise_rate * min(progress / ramp, 1) if ramp else noise_rate


def chosen(name, probabilities, labels, forget, warm=False):
    """Which rows each of two networks learns.

    Args:
        name: of the method.
        probabilities: [n, C] of the one and of the other.
        labels: [n] pseudo labels.
        forget: R(t).
        warm: whether Co-teaching+ is still in its warm-up.
    """
    costs = [[-math.log(p[y]) for p, y in zip(rows, labels)] for rows in probabilities]
    differ = disagreement_mask(*probabilities)
    if name == "decoupling":
        return differ, differ
    among = differ if name == "co_teaching_plus" and not warm else np.ones(len(labels))
    return (
        small_loss_mask(costs[1], among, forget),
        small_loss_mask(costs[0], among, forget),
    )


def losses(forward, batch, weights, classes):
    """The mean over labelled rows and that over the others, mixed, of one network."""
    labels = dmt_step.one_hot(batch["u_label"], classes)
    rows = dmt_step.mixed_rows(batch, labels, weights, classes)
    probabilities = dmt_step.predict(forward, rows[0].astype(np.float32))
    values = [w * dmt_step.cost(t, p) for t, w, p in zip(*rows[1:], probabilities)]
    labeled = len(batch["x"])
    return np.mean(values[:labeled]), np.mean(values[labeled:])
