"""One step of MixDMT, row by row in plain NumPy, from its description.

The parts are those of RealMix (arXiv:1912.08766, algorithms 1 and 2, Eq. 4 to 7) and of
DMT (arXiv:2004.08514, Eq. 6). For networks without batch normalization.
"""

from __future__ import annotations

import numpy as np

from tests.oracles.dmt_step import cost, one_hot, predict


def weight(label, confidence, guess, gammas):
    """Eq. 6: who disagrees and is surer does not learn."""
    own = int(np.argmax(guess))
    if own == label:
        return guess[label] ** gammas[0]
    return guess[label] ** gammas[1] if confidence >= guess[own] else 0.0


def losses(forward, batch, classes, gammas, temperature=0.5, inside=None, refined=True):
    """(L_x, L_p, L_u, weights of the pseudo labels).

    Args:
        forward: images to logits.
        batch: as `Recipe` describes it, NumPy arrays.
        classes: C.
        gammas: of Eq. 6.
        temperature: T.
        inside: for each unlabelled row 1 or 0, whether it counts; None: all do.
        refined: whether both losses have the label and the guess in one target.
    """
    x, u = batch["x"], batch["u"]
    count, views = u.shape[:2]
    images = list(x)
    labels = list(one_hot(batch["y"], classes))
    weights = [1.0] * len(x)
    guesses = list(labels)
    trust, theirs, own = [], [], []
    average = sum(predict(forward, u[:, view]) for view in range(views)) / views
    for row in range(count):
        sharp = average[row] ** (1 / temperature)
        sharp /= sharp.sum()
        label = int(batch["u_label"][row])
        w = 0.0
        if batch["u_kept"][row]:
            confidence = float(batch["u_confidence"][row])
            w = weight(label, confidence, average[row], gammas)
        trust.append(w)
        theirs.append(np.eye(classes)[label] * float(batch["u_kept"][row]))
        own.append(sharp)
        if refined:
            theirs[-1] = own[-1] = w * np.eye(classes)[label] + (1 - w) * sharp
    for view in range(views):
        for row in range(count):
            images.append(u[row, view])
            labels.append(theirs[row])
            guesses.append(own[row])
            weights.append(trust[row])
    mixed_images, mixed_labels, mixed_guesses, mixed_weights = [], [], [], []
    for row, partner in enumerate(batch["partner"]):
        lam = max(float(batch["lam"][row]), 1 - float(batch["lam"][row]))
        for found, rows in (
            (mixed_images, images),
            (mixed_labels, labels),
            (mixed_guesses, guesses),
            (mixed_weights, weights),
        ):
            found.append(lam * rows[row] + (1 - lam) * rows[partner])
    p = predict(forward, np.array(mixed_images, np.float32))
    costs = [cost(t, q) for t, q in zip(mixed_labels, p)]
    squares = [np.mean((t - q) ** 2) for t, q in zip(mixed_guesses, p)]
    b = len(x)
    inside = [1] * (count * views) if inside is None else inside
    kept = [b + i for i, each in enumerate(inside) if each]
    return (
        np.mean(costs[:b]),
        np.mean([mixed_weights[i] * costs[i] for i in kept]),
        np.mean([squares[i] for i in kept]),
        trust,
    )
