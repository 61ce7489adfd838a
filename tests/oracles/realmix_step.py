"""The losses of one RealMix step, from the paper's Algorithms 1 and 2, in plain NumPy.

For networks without batch normalization, for which interleaving changes nothing.
"""

from __future__ import annotations

import math

import numpy as np


def softmax(logits):
    """Row by row, in float64."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def losses(
    forward,
    batch,
    classes,
    temperature=0.5,
    eta=None,
    target="label",
    mu=0.0,
    confidence_of="mixed",
):
    """(L_x, L_u, tsa mask, ood mask) of a batch.

    Args:
        forward: images to logits.
        batch: x, y, u [rows, K, ...], lam, partner as NumPy arrays.
        classes: number of classes.
        temperature: T.
        eta: threshold of training signal annealing, None: no annealing.
        target: what eta is compared with, 'label' or 'logit'.
        mu: share of unlabelled rows to mask.
        confidence_of: 'mixed' or 'guess'.
    """
    x, u = batch["x"], batch["u"]
    rows, views = u.shape[:2]

    # Algorithm 2: average over the views, sharpen.
    average = np.zeros((rows, classes))
    for view in range(views):
        average += softmax(forward(u[:, view])) / views
    powered = average ** (1 / temperature)
    guesses = powered / powered.sum(axis=1, keepdims=True)

    images = [image for image in x]
    labels = [np.eye(classes)[label] for label in batch["y"]]
    for view in range(views):
        for row in range(rows):
            images.append(u[row, view])
            labels.append(guesses[row])

    # Equations 4 to 7.
    mixed_images, mixed_labels = [], []
    for row in range(len(images)):
        lam = max(batch["lam"][row], 1 - batch["lam"][row])
        partner = batch["partner"][row]
        mixed_images.append(lam * images[row] + (1 - lam) * images[partner])
        mixed_labels.append(lam * labels[row] + (1 - lam) * labels[partner])
    logits = forward(np.array(mixed_images, np.float32)).astype(np.float64)
    probabilities = softmax(logits)

    # L_x with training signal annealing (section 3.5).
    kept_x, values_x = [], []
    for row in range(rows):
        keep = eta is None
        if eta is not None and target == "label":
            for c in range(classes):
                sure = probabilities[row, c] > mixed_labels[row][c] * eta
                keep = keep or (mixed_labels[row][c] > 0 and not sure)
        elif eta is not None:
            for c in range(classes):
                own = probabilities[row, c] if mixed_labels[row][c] > 0 else 0.0
                keep = keep or own < logits[row, c] * eta
        kept_x.append(float(keep))
        values_x.append(-sum(mixed_labels[row] * np.log(probabilities[row])))
    loss_x = np.dot(kept_x, values_x) / max(sum(kept_x), 1)

    # L_u with out-of-distribution masking (section 3.4).
    values_u, confidence = [], []
    for row in range(rows, len(images)):
        values_u.append(np.mean((mixed_labels[row] - probabilities[row]) ** 2))
        source = probabilities[row]
        if confidence_of == "guess":
            source = average[(row - rows) % rows]
        confidence.append(source.max())
    kept_u = [1.0] * len(values_u)
    if mu > 0:
        threshold = sorted(confidence)[math.floor(len(confidence) * mu)]
        kept_u = [float(value > threshold) for value in confidence]
    loss_u = np.dot(kept_u, values_u) / max(sum(kept_u), 1)
    return loss_x, loss_u, np.array(kept_x), np.array(kept_u)
