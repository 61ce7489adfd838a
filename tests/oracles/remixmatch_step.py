"""The losses of one ReMixMatch step, from the paper's algorithm 1, in plain NumPy.

For networks without batch normalization, for which interleaving changes nothing.
"""

from __future__ import annotations

import math

import numpy as np

from tests.oracles.adaptive import align_distribution
from tests.oracles.consistency_step import softmax


def cost(label, logits):
    """Cross-entropy of one row."""
    return -sum(t * math.log(p) for t, p in zip(label, softmax(logits)) if t > 0)


def turned(image, quarters):
    """Rotates an image [H, W, C] counter-clockwise, 90 degrees at a time."""
    for _ in range(quarters):
        rows, columns, channels = image.shape
        result = np.zeros((columns, rows, channels), image.dtype)
        for i in range(rows):
            for j in range(columns):
                result[columns - 1 - j, i] = image[i, j]
        image = result
    return image


def guesses(forward, batch, wanted, predicted, temperature):
    """q [n, C]: of the weak view, aligned and sharpened."""
    p = np.array([softmax(row) for row in forward(batch["u_original"][:, 0])])
    powered = align_distribution(p, wanted, predicted) ** (1 / temperature)
    return p, powered / powered.sum(-1, keepdims=True)


def losses(forward, rotate, batch, classes, distributions, temperature=0.5):
    """(L_x, L_u, L_s, L_r, weak predictions), without their weights.

    Args:
        forward: images to logits.
        rotate: images to logits of four rotations.
        batch: x, y, u [n, K, ...], u_original [n, 1, ...], lam, partner.
        classes: C.
        distributions: of the labels and of the predictions, [C] each.
        temperature: T.
    """
    strong = batch["u"]
    p, q = guesses(forward, batch, *distributions, temperature)
    images, labels = list(batch["x"]), [np.eye(classes)[y] for y in batch["y"]]
    for k in range(strong.shape[1]):
        images += list(strong[:, k])
        labels += list(q)
    images += list(batch["u_original"][:, 0])
    labels += list(q)

    mixed_images, mixed_labels = [], []
    for row, partner in enumerate(batch["partner"]):
        lam = max(float(batch["lam"][row]), 1 - float(batch["lam"][row]))
        mixed_images.append(lam * images[row] + (1 - lam) * images[partner])
        mixed_labels.append(lam * labels[row] + (1 - lam) * labels[partner])
    logits = forward(np.array(mixed_images, np.float32))
    values = [cost(label, row) for label, row in zip(mixed_labels, logits)]
    rows = len(batch["x"])

    first = strong[:, 0]
    loss_s = np.mean([cost(label, row) for label, row in zip(q, forward(first))])
    rotated = [turned(image, i % 4) for i, image in enumerate(first)]
    loss_r = np.mean(
        [cost(np.eye(4)[i % 4], row) for i, row in enumerate(rotate(rotated))]
    )
    return np.mean(values[:rows]), np.mean(values[rows:]), loss_s, loss_r, p
