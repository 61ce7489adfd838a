"""Steps of FreeMatch and SoftMatch, from the papers, in plain NumPy.

For networks without batch normalization, which see each image alone. `state` holds the
running means before the step; each function returns those after it, too.
"""

from __future__ import annotations

import math

import numpy as np

from tests.oracles import adaptive
from tests.oracles.consistency_step import softmax


def predictions(forward, batch):
    """Probabilities for x, weak and strong views, as lists of lists."""
    views = batch["x"], batch["u_original"][:, 0], batch["u"][:, 0]
    return [[softmax(row) for row in forward(images)] for images in views]


def moved(old, new, decay):
    """An exponential moving average."""
    return decay * np.asarray(old, np.float64) + (1 - decay) * np.asarray(new)


def one_hot(rows):
    """Of the likeliest class of each row."""
    return np.array([np.eye(len(row))[row.index(max(row))] for row in rows])


def freematch(forward, batch, state, decay, cap=1.0):
    """(L_s, L_u, L_f, kept, state) of section 4.

    `state`: tau [], p [C], h [C].
    """
    x, weak, strong = predictions(forward, batch)
    tau = moved(state[0], np.mean([max(q) for q in weak]), decay)
    p = moved(state[1], np.mean(weak, 0), decay)
    h = moved(state[2], one_hot(weak).mean(0), decay)
    thresholds = p / p.max() * min(tau, cap)
    kept, loss_u = [], 0.0
    for q, predicted in zip(weak, strong):
        label = q.index(max(q))
        kept.append(float(max(q) >= thresholds[label]))
        loss_u += -math.log(predicted[label]) * kept[-1]
    rows = np.array(kept)[:, None]
    fairness = adaptive.class_fairness(
        p, h, (rows * strong).mean(0), (rows * one_hot(strong)).mean(0)
    )
    loss_x = np.mean([-math.log(q[label]) for q, label in zip(x, batch["y"])])
    return loss_x, loss_u / len(kept), fairness, np.array(kept), (tau, p, h)


def softmatch(forward, batch, state, decay, sigmas, align=True):
    """(L_s, L_u, weights, state) of section 3.

    `state`: mu [], sigma^2 [], class means [C] or None before the first step.
    """
    x, weak, strong = predictions(forward, batch)
    classes, means = len(weak[0]), np.mean(weak, 0)
    if state[2] is not None:
        means = moved(state[2], means, decay)
    judged = np.array(weak)
    if align:
        uniform = [1 / classes] * classes
        judged = adaptive.align_distribution(judged, uniform, means)
    confidence = np.array([max(row) for row in judged])
    n, mean = len(confidence), np.mean(confidence)
    biased = sum((c - mean) ** 2 for c in confidence) / n
    mu = moved(state[0], mean, decay)
    variance = moved(state[1], biased * n / (n - 1), decay)
    weights = adaptive.truncated_gaussian(confidence, mu, variance, sigmas)
    loss_u = np.mean(
        [
            -w * math.log(predicted[q.index(max(q))])
            for w, q, predicted in zip(weights, weak, strong)
        ]
    )
    loss_x = np.mean([-math.log(q[label]) for q, label in zip(x, batch["y"])])
    return loss_x, loss_u, weights, (mu, variance, means)
