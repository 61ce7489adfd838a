"""The losses of one step of UDA and of FixMatch, from the papers, in plain NumPy.

For networks without batch normalization, which see each image alone.
"""

from __future__ import annotations

import math

import numpy as np


def softmax(logits):
    """Of one row, in float64."""
    exponentials = [math.exp(logit - max(logits)) for logit in map(float, logits)]
    return [e / sum(exponentials) for e in exponentials]


def uda(forward, batch, temperature, threshold, eta=None):
    """(L_x, L_u, kept labelled rows, kept unlabelled rows) of UDA, equation 1.

    Args:
        forward: images to logits.
        batch: x, y, u_original [n, 1, ...], u [n, 1, ...] as NumPy arrays.
        temperature: of the softmax that makes targets.
        threshold: rows whose prediction is not above it do not count.
        eta: threshold of training signal annealing, None: no annealing.
    """
    losses_x, kept_x = [], []
    for logits, label in zip(forward(batch["x"]), batch["y"]):
        p = softmax(logits)[label]
        losses_x.append(-math.log(p))
        kept_x.append(0.0 if eta is not None and p > eta else 1.0)
    loss_x = np.dot(losses_x, kept_x) / max(sum(kept_x), 1)

    total, kept = 0.0, []
    pairs = zip(forward(batch["u_original"][:, 0]), forward(batch["u"][:, 0]))
    for original, augmented in pairs:
        target = softmax([logit / temperature for logit in original])
        predicted = softmax(augmented)
        kept.append(1.0 if max(softmax(original)) > threshold else 0.0)
        for p, q in zip(target, predicted):
            total += kept[-1] * p * (math.log(p) - math.log(q))
    return loss_x, total / len(kept), np.array(kept_x), np.array(kept)


def fixmatch(forward, batch, threshold):
    """(L_x, L_u, kept unlabelled rows) of FixMatch, equations 3 and 4."""
    losses_x = [
        -math.log(softmax(logits)[label])
        for logits, label in zip(forward(batch["x"]), batch["y"])
    ]
    total, kept = 0.0, []
    pairs = zip(forward(batch["u_original"][:, 0]), forward(batch["u"][:, 0]))
    for weak, strong in pairs:
        q = softmax(weak)
        kept.append(1.0 if max(q) >= threshold else 0.0)
        if kept[-1]:
            total += -math.log(softmax(strong)[q.index(max(q))])
    return np.mean(losses_x), total / len(kept), np.array(kept)
