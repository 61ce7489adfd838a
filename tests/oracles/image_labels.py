"""Oracles of s4GAN's multi-label Mean Teacher (arXiv:1908.05724)."""

import math

import numpy as np

from tests.oracles.realness import sigmoid
from tests.oracles.segmentation_steps import IGNORED, mean


def cosine_distance(q, p):
    """1 - q.p / (|q| |p|) of each vector."""
    result = np.zeros(np.shape(q)[:-1])
    for i in np.ndindex(*result.shape):
        a, b = ([float(x) for x in v[i]] for v in (q, p))
        lengths = math.sqrt(sum(x * x for x in a) * sum(x * x for x in b))
        result[i] = 1 - sum(x * y for x, y in zip(a, b)) / lengths
    return result


def filtered_logits(logits, kept, released=False):
    """Class by class."""
    result = np.array(logits, np.float64)
    for i in np.ndindex(*result.shape):
        if not kept[i]:
            result[i] = 0 if released else -math.inf
    return result


def pooled(logits, mask):
    """The mean over the pixels of an image that count."""
    return np.mean([logits[i] for i in zip(*np.nonzero(mask))], 0)


def mlmt(forward, teach, batch, weight):
    """All numbers that a step reports; an image without a pixel that counts has none.

    Args:
        forward: student, images to logits.
        teach: teacher.
        batch: x, y, u, u_confidence.
        weight: of the consistency at this step.
    """
    known, inside = batch["y"] != IGNORED, batch["u_confidence"] > 0
    logits, losses, recall, precision = forward(batch["x"]), [], [], []
    for k in range(len(known)):
        if not known[k].any():
            continue
        z, shown = pooled(logits[k], known[k]), set(batch["y"][k][known[k]])
        right = [sigmoid(z[c] if c in shown else -z[c]) for c in range(len(z))]
        losses.append(mean([-math.log(p) for p in right]))
        recall += [float(z[c] > 0) for c in shown]
        precision += [float(c in shown) for c in range(len(z)) if z[c] > 0]
    students, teachers = forward(batch["u"]), teach(batch["u"])
    apart = [
        float(cosine_distance(*(pooled(e[k], inside[k]) for e in (teachers, students))))
        for k in range(len(inside))
        if inside[k].any()
    ]
    parts = {"loss_x": mean(losses), "loss_u": mean(apart), "lambda_u": weight}
    return {
        "loss": mean(losses) + weight * mean(apart),
        **parts,
        "recall": mean(recall),
        "precision": mean(precision),
    }
