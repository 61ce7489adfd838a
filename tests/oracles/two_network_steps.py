"""Losses of one step of Deep Co-Training and of Dual Student, in plain NumPy.

Written from the papers that `mixdmt_tf/algorithms/<name>.py` cites, row by row, for
networks without batch normalization. Losses are means over rows, but for
`dual_student_loss`, which follows the release of that method.
"""

from __future__ import annotations

import math

import numpy as np

from tests.oracles.adversarial import fast_gradient_sign
from tests.oracles.frame_steps import cost, distance, predict
from tests.oracles.losses import js_divergence


def linear(weights, biases):
    """The logits of a linear network as a function of images, in float64."""

    def forward(images):
        flat = np.reshape(images, (len(images), -1)).astype(np.float64)
        return flat @ np.asarray(weights, np.float64) + np.asarray(biases, np.float64)

    return forward


def ramp(step, length):
    """exp(-5 (1 - t)^2), 1 from the end of the ramp on."""
    return math.exp(-5 * (1 - step / length) ** 2) if step < length else 1.0


def adversarial(network, images, labels, epsilon):
    """Adversarial examples of a linear network, given as [weights, biases]."""
    weights, biases = network
    return fast_gradient_sign(images, weights, labels, epsilon, biases)


def deep_co_training(first, second, batch, classes, epsilon):
    """(CE of the first, of the second, L_cot, L_diff) of two linear networks.

    Args:
        first: [weights, biases] of p1.
        second: the same of p2.
        batch: x, y, u [n, 1, ...] as NumPy arrays.
        classes: C.
        epsilon: change of each value, in the unit of the images.
    """
    p1, p2 = linear(*first), linear(*second)
    x, u = batch["x"], batch["u"][:, 0]
    y = [[float(c == label) for c in range(classes)] for label in batch["y"]]
    loss1 = np.mean([cost(t, p) for t, p in zip(y, predict(p1, x))])
    loss2 = np.mean([cost(t, p) for t, p in zip(y, predict(p2, x))])
    cot = np.mean(js_divergence(p1(u), p2(u)))

    terms = []
    for images, labelled in ((x, True), (u, False)):
        clean1, clean2 = predict(p1, images), predict(p2, images)
        # Without a label, the class that the network itself predicts.
        own1 = [[float(v == max(p)) for v in p] for p in clean1]
        own2 = [[float(v == max(p)) for v in p] for p in clean2]
        g1 = adversarial(first, images, y if labelled else own1, epsilon)
        g2 = adversarial(second, images, y if labelled else own2, epsilon)
        moved1, moved2 = predict(p1, g2), predict(p2, g1)
        for row in range(len(images)):
            terms.append(cost(clean1[row], moved2[row]))
            terms[-1] += cost(clean2[row], moved1[row])
    return loss1, loss2, cot, np.mean(terms)


def dual_student_loss(losses, labelled, unlabelled, consistency=10, stabilization=100):
    """What both students minimize in the release, from the means of `dual_student`.

    Cross-entropy and stabilization are sums over the rows they are of, divided by all
    rows of the batch. Consistency is the mean over its rows: those are all rows there.

    Args:
        losses: by name.
        labelled: rows.
        unlabelled: rows.
        consistency: its weight.
        stabilization: its weight.
    """
    rows = labelled + unlabelled
    total = 0.0
    for who in ("", "_peer"):
        total += losses["loss_x" + who] * labelled / rows
        total += consistency * losses["loss_consistency" + who]
        summed = losses["loss_stabilization" + who] * unlabelled
        total += stabilization * summed / rows
    return total


def dual_student(first, second, batch, classes, threshold):
    """Losses of both students by name, and who is stable.

    Args:
        first: images to logits, of the student who sees the first view.
        second: of the one who sees the second.
        batch: x, y, u [n, 2, ...] as NumPy arrays.
        classes: C.
        threshold: xi.
    """
    y = [[float(c == label) for c in range(classes)] for label in batch["y"]]
    views = batch["u"][:, 0], batch["u"][:, 1]
    own = predict(first, views[0]), predict(second, views[1])
    again = predict(first, views[1]), predict(second, views[0])
    rows = range(len(views[0]))
    apart, stable, learnt = np.zeros((3, 2, len(views[0])))
    for i in (0, 1):
        for row in rows:
            one, other = own[i][row], again[i][row]
            apart[i][row] = distance(one, other)
            same = np.argmax(one) == np.argmax(other)
            stable[i][row] = float(same and max(*one, *other) > threshold)
    for row in rows:
        gap = distance(own[0][row], own[1][row])
        first_stable, second_stable = stable[:, row]
        if first_stable and second_stable:
            less_stable = 0 if apart[0][row] > apart[1][row] else 1
            learnt[less_stable][row] = gap
        elif first_stable:
            learnt[1][row] = gap
        elif second_stable:
            learnt[0][row] = gap
    losses = {
        "loss_x": np.mean([cost(t, p) for t, p in zip(y, predict(first, batch["x"]))]),
        "loss_x_peer": np.mean(
            [cost(t, p) for t, p in zip(y, predict(second, batch["x"]))]
        ),
    }
    for i, who in enumerate(("", "_peer")):
        losses["loss_consistency" + who] = np.mean(apart[i])
        losses["loss_stabilization" + who] = np.mean(learnt[i])
    return losses, stable
