"""One step of the methods for images, pixel by pixel in plain NumPy.

Dynamic Mutual Training (arXiv:2004.08514), section 4.1.1 for each pixel and section
5.4; Mean Teacher (arXiv:1703.01780) and CutMix (arXiv:1906.01916) as the former
compares with them. For networks without batch normalization.

`forward` takes images [n, h, w, 3] to logits [n, h, w, C]; a batch is a dictionary of
NumPy arrays as `Pipeline` describes it. Each function returns all numbers that a
step reports, by their names.
"""

from __future__ import annotations

import math

import numpy as np

from tests.oracles import boxes
from tests.oracles.losses import softmax
from tests.oracles.schedules import sigmoid_ramp

IGNORED = 255


def predict(forward, images):
    """Probabilities of each pixel, float64."""
    logits = np.asarray(forward(images), np.float64)
    p = np.zeros(logits.shape)
    for i in np.ndindex(*p.shape[:-1]):
        p[i] = softmax(logits[i].tolist())
    return p


def mean(numbers):
    """Of a list, 0 if there are none."""
    return sum(numbers) / max(len(numbers), 1)


def labelled(forward, batch):
    """Eq. 8 of each pixel that has a label, a list."""
    p, y = predict(forward, batch["x"]), batch["y"]
    return [-math.log(p[i][y[i]]) for i in np.ndindex(*y.shape) if y[i] != IGNORED]


def distance(one, other):
    """Sum over the classes of the squared differences at a pixel."""
    return sum((float(a) - float(b)) ** 2 for a, b in zip(one, other))


def supervised(forward, batch):
    """The mean over all labelled pixels of the batch."""
    loss = mean(labelled(forward, batch))
    return {"loss": loss, "loss_x": loss}


def judge(label, confidence, p, gammas, rule):
    """What is learned about one pseudo-labelled pixel: case, class and weight (Eq. 6).

    Args:
        label: y_A.
        confidence: c_A.
        p: what network B predicts.
        gammas: gamma_1 and gamma_2.
        rule: 'dmt'; 'naive' and 'flip' of section 5.4; 'none' for weights of 1 (CBST).
    """
    own = int(np.argmax(p))
    if own == label:
        case, weight = "agree", p[label] ** gammas[0]
    elif confidence >= p[own]:
        case, weight = "negative", p[label] ** gammas[1]
    else:
        case, weight = "positive", 0.0
    if rule == "none":
        return case, label, 1.0
    if rule == "naive":
        return case, label, p[label] ** gammas[0]
    if rule == "flip" and case == "positive":
        return case, own, (1 - confidence) ** gammas[1]
    return case, label, weight


def rounds(forward, batch, rule, gammas=(5.0, 5.0), judging=None):
    """Eq. 7 to 10; N counts the pixels of the batch that are not ignored.

    Args:
        forward: network B.
        batch: x, y, u, u_label, u_confidence.
        rule: of `judge`.
        gammas: of `judge`.
        judging: weighs, and is a constant to gradients; default: `forward`.
    """
    x, u, weights = labelled(forward, batch), [], []
    seen = {"agree": [], "negative": [], "positive": []}
    p, labels = predict(forward, batch["u"]), batch["u_label"]
    own = predict(judging or forward, batch["u"])
    for i in np.ndindex(*labels.shape):
        if labels[i] == IGNORED:
            continue
        confidence = float(batch["u_confidence"][i])
        case, learnt, weight = judge(labels[i], confidence, own[i], gammas, rule)
        u.append(weight * -math.log(p[i][learnt]))
        weights.append(weight)
        for name, marks in seen.items():
            marks.append(float(name == case))
    loss = mean(x + u)
    result = {"loss": loss, "loss_xu": loss, "loss_x": mean(x), "loss_u": mean(u)}
    if rule != "none":
        result.update({name: mean(marks) for name, marks in seen.items()})
        result["weight"] = mean(weights)
    return result


def online_self_training(forward, batch, threshold, lambda_u=1.0):
    """Section 5.4: one mean over labels and own classes above the threshold."""
    x, u, sure = labelled(forward, batch), [], []
    p = predict(forward, batch["u"])
    for i in np.ndindex(*p.shape[:-1]):
        if batch["u_confidence"][i] > 0:
            sure.append(float(max(p[i]) > threshold))
            if sure[-1]:
                u.append(-math.log(max(p[i])))
    counted = len(x) + lambda_u * len(u)
    loss = (sum(x) + lambda_u * sum(u)) / max(counted, 1.0)
    return {"loss": loss, "loss_xu": loss, "loss_x": mean(x), "kept": mean(sure)}


def ramped(lambda_u, step, length):
    """Its weight at a step; a length of 0 is no ramp."""
    return lambda_u * float(sigmoid_ramp(step, length)) if length else lambda_u


def mean_teacher(forward, teach, batch, lambda_u, length):
    """Squared distance, a mean over classes, of both networks on the same crops."""
    x, u = labelled(forward, batch), []
    p, q = predict(forward, batch["u"]), predict(teach, batch["u"])
    for i in np.ndindex(*p.shape[:-1]):
        if batch["u_confidence"][i] > 0:
            u.append(distance(q[i], p[i]) / len(p[i]))
    weight = ramped(lambda_u, batch["step"], length)
    parts = {"loss_x": mean(x), "loss_u": mean(u), "lambda_u": weight}
    return {"loss": mean(x) + weight * mean(u), **parts}


def cutmix(forward, teach, batch, lambda_u, length, threshold, area):
    """Image k of the second half gets a box out of image k of the first.

    The distance is a sum over classes; the share of pixels of which the teacher is sure
    is one number for the batch.
    """
    images, inside = batch["u"], batch["u_confidence"] > 0
    pairs, (height, width) = len(images) // 2, images.shape[1:3]
    masks = boxes.box_mask(batch["u_box"], height, width, area)
    taught = predict(teach, images)

    def mixed(maps):
        return boxes.paste(masks, maps[:pairs], maps[pairs:])

    p, q, inside = predict(forward, mixed(images)), mixed(taught), mixed(inside)
    x, u, sure = labelled(forward, batch), [], []
    for i in np.ndindex(*p.shape[:-1]):
        if inside[i]:
            u.append(distance(q[i], p[i]))
            sure.append(float(max(q[i]) >= threshold))
    weight = ramped(lambda_u, batch["step"], length)
    parts = {"loss_x": mean(x), "loss_u": mean(u), "lambda_u": weight}
    loss = mean(x) + weight * mean(sure) * mean(u)
    return {"loss": loss, **parts, "sure": mean(sure)}


def gradient(loss, weights, step=1e-4):
    """Of loss(weights) for a list of float64 arrays, by central differences."""
    gradients = [np.zeros(weight.shape) for weight in weights]
    for weight, result in zip(weights, gradients):
        for i in np.ndindex(*weight.shape):
            kept = weight[i]
            weight[i] = kept + step
            above = loss(weights)
            weight[i] = kept - step
            result[i] = (above - loss(weights)) / (2 * step)
            weight[i] = kept
    return gradients
