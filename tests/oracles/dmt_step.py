"""One step of DMT's methods for images, row by row in plain NumPy.

Dynamic Mutual Training (arXiv:2004.08514), equations 6 to 10 and section 4.2.1, with
the mixup of its release; for networks without batch normalization.

`forward` takes images to logits; a batch is a dictionary of NumPy arrays as `Recipe`
describes it, labelled rows and then pseudo-labelled ones being mixed.
"""

from __future__ import annotations

import math

import numpy as np

from tests.oracles import dynamic
from tests.oracles.losses import softmax


def predict(forward, images):
    """Probabilities of each image, float64 [N, C]."""
    return np.array([softmax([float(z) for z in row]) for row in forward(images)])


def one_hot(labels, classes):
    """Float64 [N, C]."""
    return np.array([[float(c == label) for c in range(classes)] for label in labels])


def cost(label, probabilities):
    """Eq. 8, of one row."""
    return -sum(t * math.log(p) for t, p in zip(label, probabilities) if t > 0)


def ramped(gamma, progress):
    """The power at t / t_max, section 4.2.1."""
    return gamma * math.exp(-5 * (1 - progress) ** 2)


def judge(forward, batch, classes, gammas, rule):
    """What is learned of each pseudo-labelled image, and its weight (Eq. 6, Table 7).

    Network B sees the images as they are, not mixed.

    Args:
        forward: images to logits.
        batch: u, u_label, u_confidence.
        classes: C.
        gammas: of this step.
        rule: 'dmt', 'naive', 'flip', or 'none' for Curriculum Labeling.
    """
    labels, confidence = one_hot(batch["u_label"], classes), batch["u_confidence"]
    if rule == "none":
        return labels, np.ones(len(labels))
    p = predict(forward, batch["u"][:, 0])
    if rule == "naive":
        return labels, dynamic.naive_weight(labels, p, gammas[0])
    if rule == "flip":
        flipped = dynamic.flipped_label(labels, confidence, p)
        return flipped, dynamic.flipped_weight(labels, confidence, p, *gammas)
    return labels, dynamic.dynamic_weight(labels, confidence, p, *gammas)


def mixed_rows(batch, targets_u, weights_u, classes):
    """Images, targets and weights of all N rows after mixup.

    One lam', the larger of lam and 1 - lam, mixes all three.
    """
    images = [*batch["x"], *batch["u"][:, 0]]
    targets = [*one_hot(batch["y"], classes), *targets_u]
    weights = [1.0] * len(batch["x"]) + [float(w) for w in weights_u]  # Eq. 9
    if "lam" not in batch:
        return np.array(images), np.array(targets), np.array(weights)
    (lam,) = {float(each) for each in batch["lam"]}
    lam = max(lam, 1 - lam)

    def mixed(rows):
        pairs = [(np.asarray(rows[i]), rows[j]) for i, j in enumerate(batch["partner"])]
        return np.array([lam * own + (1 - lam) * other for own, other in pairs])

    return mixed(images), mixed(targets), mixed(weights)


def costs(forward, batch, classes, gammas=(4.0, 4.0), rule="dmt"):
    """The loss and each row's share in it before the division by N.

    Returns:
        L of Eq. 10, which divides by all N rows whatever they weigh; and weight times
        cross-entropy, float64 [N].
    """
    targets_u, weights_u = judge(forward, batch, classes, gammas, rule)
    images, targets, weights = mixed_rows(batch, targets_u, weights_u, classes)
    probabilities = predict(forward, images.astype(np.float32))
    rows = [w * cost(t, p) for w, t, p in zip(weights, targets, probabilities)]
    return sum(rows) / len(rows), np.array(rows)


def linear_gradient(forward, batch, classes, gammas=(4.0, 4.0), rule="dmt"):
    """Of L, for kernel and bias of a linear network, the weights being constants."""
    targets_u, weights_u = judge(forward, batch, classes, gammas, rule)
    images, targets, weights = mixed_rows(batch, targets_u, weights_u, classes)
    probabilities = predict(forward, images.astype(np.float32))
    pixels = images.reshape(len(images), -1)
    kernel, bias = np.zeros((pixels.shape[1], classes)), np.zeros(classes)
    for image, w, t, p in zip(pixels, weights, targets, probabilities):
        kernel += w * np.outer(image, p - t) / len(pixels)
        bias += w * (p - t) / len(pixels)
    return kernel, bias


def baseline(forward, batch, classes):
    """The baseline of the release: lam CE(own) + (1 - lam) CE(partner's), any lam."""
    (lam,) = {float(each) for each in batch["lam"]}
    x, y, partner = batch["x"], one_hot(batch["y"], classes), batch["partner"]
    images = [lam * x[i] + (1 - lam) * x[j] for i, j in enumerate(partner)]
    probabilities = predict(forward, np.array(images, np.float32))
    return np.mean(
        [
            lam * cost(y[i], p) + (1 - lam) * cost(y[j], p)
            for (i, j), p in zip(enumerate(partner), probabilities)
        ]
    )


def online_self_training(forward, batch, classes, threshold, lambda_u=1.0):
    """Section 5.4: one mean over labelled rows and those above the threshold."""
    total = counted = 0.0
    for p, y in zip(predict(forward, batch["x"]), batch["y"]):
        total += -math.log(p[y])
        counted += 1
    for p in predict(forward, batch["u"][:, 0]):
        if max(p) > threshold:
            total += lambda_u * -math.log(max(p))
            counted += lambda_u
    return total / max(counted, 1.0)
