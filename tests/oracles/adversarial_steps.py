"""One step of the methods with a discriminator, in plain NumPy.

Hung et al. 2018 (arXiv:1802.07934), and s4GAN (arXiv:1908.05724). Networks and
batches as in `segmentation_steps`.
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


def s4gan(forward, judge, batch, weights, gamma, believed=None):
    """Feature matching, and whole images that learn their own classes.

    Args:
        forward: network.
        judge: discriminator, from maps and images to features and logits.
        batch: x, y, u, u_confidence.
        weights: lambda_fm, lambda_st.
        gamma: threshold.
        believed: as above.
    """
    known, inside = batch["y"] != IGNORED, batch["u_confidence"] > 0
    p = predict(forward, batch["u"])
    with_x = [i for i in range(len(known)) if known[i].any()]
    with_u = [i for i in range(len(inside)) if inside[i].any()]
    features_x, real = judge(one_hot(batch["y"], p.shape[-1]), batch["x"])
    features_u, fake = judge(p * inside[..., None], batch["u"])
    gaps = features_x[with_x].mean(0) - features_u[with_u].mean(0)
    chosen = predict(believed or forward, batch["u"])
    _, said = judge(chosen * inside[..., None], batch["u"])
    kept = [i for i in with_u if sigmoid(float(said[i])) > gamma]
    own = [
        -math.log(p[i][int(np.argmax(chosen[i]))])
        for i in np.ndindex(*inside.shape)
        if i[0] in kept and inside[i]
    ]
    parts = {
        "loss_x": mean(labelled(forward, batch)),
        "loss_fm": sum(abs(gap) for gap in gaps) / len(gaps),
        "loss_u": mean(own),
    }
    loss = sum(f * value for f, value in zip((1, *weights), parts.values()))
    return {
        "loss": loss,
        **parts,
        "loss_fake": mean([-math.log(sigmoid(-float(fake[i]))) for i in with_u]),
        "loss_real": mean([-math.log(sigmoid(float(real[i]))) for i in with_x]),
        "kept": len(kept) / len(with_u),
        "realness": mean([sigmoid(float(fake[i])) for i in with_u]),
    }
