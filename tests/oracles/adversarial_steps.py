"""One step of the methods with a discriminator, in plain NumPy.

Hung et al. 2018 (arXiv:1802.07934), section 3.2. Networks and batches as in
`segmentation_steps`.
"""

from __future__ import annotations

import math

import numpy as np

from tests.oracles.realness import sigmoid
from tests.oracles.segmentation_steps import IGNORED, labelled, mean, predict


def one_hot(y, classes):
    """Zeros where ignored."""
    return np.array(y)[..., None] == np.arange(classes)


def judgements(logits, inside, truth):
    """The cross-entropy of each pixel that counts with 1 or 0, a list."""
    sign = 1 if truth else -1
    return [
        -math.log(sigmoid(sign * float(logits[i])))
        for i in np.ndindex(*logits.shape)
        if inside[i]
    ]


def hung(forward, judge, batch, weights, threshold, believed=None):
    """Eq. 1 to 5.

    Args:
        forward: network.
        judge: discriminator, from maps [n, h, w, C] to logits [n, h, w].
        batch: x, y, u, u_confidence.
        weights: lambda_adv on labelled and unlabelled images, lambda_semi.
        threshold: T_semi.
        believed: the network that chooses pixels and their classes, a constant to
            gradients; default: `forward`.
    """
    known, inside = batch["y"] != IGNORED, batch["u_confidence"] > 0
    p_x, p_u = (predict(forward, batch[name]) for name in "xu")
    fake_x, fake_u = judge(p_x * known[..., None]), judge(p_u * inside[..., None])
    chosen = predict(believed or forward, batch["u"])
    said = judge(chosen * inside[..., None])
    kept = [
        float(sigmoid(float(said[i])) > threshold)
        for i in np.ndindex(*said.shape)
        if inside[i]
    ]
    own = [
        -math.log(p_u[i][int(np.argmax(chosen[i]))])
        for i in np.ndindex(*said.shape)
        if inside[i] and sigmoid(float(said[i])) > threshold
    ]
    real = judge(one_hot(batch["y"], p_x.shape[-1]))
    parts = {
        "loss_x": mean(labelled(forward, batch)),
        "loss_adv": mean(judgements(fake_x, known, 1)),
        "loss_adv_u": mean(judgements(fake_u, inside, 1)),
        "loss_u": mean(own),
    }
    factors = (1, *weights)
    loss = sum(factor * value for factor, value in zip(factors, parts.values()))
    fakes = judgements(fake_x, known, 0) + judgements(fake_u, inside, 0)
    shares = [sigmoid(float(fake_x[i])) for i in zip(*np.nonzero(known))]
    shares += [sigmoid(float(fake_u[i])) for i in zip(*np.nonzero(inside))]
    return {
        "loss": loss,
        **parts,
        "loss_fake": mean(fakes),
        "loss_real": mean(judgements(real, known, 1)),
        "kept": mean(kept),
        "realness": mean(shares),
    }
