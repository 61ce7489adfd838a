"""One step of cross-consistency training, place by place in plain NumPy.

Ouali, Hudelot and Tami 2020 (arXiv:2003.09005). The network is an encoder of single
pixels, tanh of a linear map, with linear decoders.
"""

from __future__ import annotations

import math

import numpy as np

from tests.oracles import perturbations
from tests.oracles.losses import softmax
from tests.oracles.segmentation_steps import IGNORED, distance, mean, ramped

DEFAULTS = {
    "noise_range": 0.3,
    "drop": (0.6, 0.9),
    "dropout_rate": 0.5,
    "cutout_share": 0.4,
    "outline": 0,
    "background": 0,
    "xi": 10.0,
    "epsilon": 2.0,
}


def linear(weights, x):
    """A 1x1 convolution: kernel [1, 1, D, C] and bias, of float64 [..., D]."""
    kernel, bias = weights
    return np.asarray(x, np.float64) @ np.asarray(kernel, np.float64)[0, 0] + bias


def probabilities(logits):
    """Softmax at each pixel."""
    p = np.zeros(logits.shape)
    for i in np.ndindex(*p.shape[:-1]):
        p[i] = softmax(logits[i].tolist())
    return p


def kl(p, q):
    """sum p (log p - log q)."""
    return sum(a * (math.log(a) - math.log(b)) for a, b in zip(p, q))


def adversarial(decoder, z, start, xi, epsilon):
    """I-VAT of a linear decoder: d KL / d z is W (q - p), at z + xi d."""
    kernel = np.asarray(decoder[0], np.float64)[0, 0]
    moved = np.array(z, np.float64)
    for image, direction in zip(moved, np.asarray(start, np.float64)):
        image += xi * direction / np.sqrt(np.sum(direction**2))
    p, q = (probabilities(linear(decoder, each)) for each in (z, moved))
    gradient = (q - p) @ kernel.T
    for image in gradient:
        image *= epsilon / np.sqrt(np.sum(image**2))
    return gradient


def perturbed(kind, z, decoder, main, drawn, settings):
    """The features of all images as one decoder sees them.

    Args:
        kind: which perturbation.
        z: features [n, h, w, D].
        decoder: weights of the auxiliary decoder.
        main: logits of the main one.
        drawn: random numbers in [0, 1), as the perturbation wants them.
        settings: of `DEFAULTS`.
    """
    s = settings
    objects = perturbations.foreground(main, s["background"])
    if kind == "feature_noise":
        return perturbations.feature_noise(z, drawn, s["noise_range"])
    if kind == "feature_drop":
        low, high = s["drop"]
        shares = [low + (high - low) * float(u) for u in drawn]
        return perturbations.feature_drop(z, shares)
    if kind == "dropout":
        return perturbations.spatial_dropout(z, drawn, s["dropout_rate"])
    if kind == "context_masking":
        return perturbations.masked_features(z, objects)
    if kind == "object_masking":
        return perturbations.masked_features(z, 1 - objects)
    if kind == "vat":
        start = np.asarray(drawn, np.float64) - 0.5
        return z + adversarial(decoder, z, start, s["xi"], s["epsilon"])
    boxes = np.zeros([*np.shape(drawn)[:2], 4])
    for mask, found in zip(objects, boxes):
        for box, row in zip(perturbations.object_boxes(mask, s["outline"]), found):
            row[:] = box
    masks = perturbations.cutout_mask(
        boxes, drawn, *objects.shape[1:], s["cutout_share"]
    )
    return perturbations.masked_features(z, masks)


def step(weights, batch, kinds, drawn, held, **given):
    """All numbers that a step reports.

    Args:
        weights: [encoder, main decoder, auxiliary decoder, ...], kernel and bias each.
        batch: x, y, u, u_confidence and step.
        kinds: the perturbation of each auxiliary decoder.
        drawn: their random numbers.
        held: weights like these, of what is a constant to gradients: the main decoder's
            predictions, and the perturbation of I-VAT.
        **given: weight of the unlabelled loss `lambda_u` and the steps over which it
            grows, `length`; `measure` of the distance; `hardness`, the threshold of the
            bootstrapped cross-entropy; `threshold` of confidence; other `DEFAULTS`.
    """
    settings = {**DEFAULTS, **given}
    encoder, decoder, *others = weights

    def encode(of, images):
        return np.tanh(linear(of[0], images))

    x, y = [], batch["y"]
    p = probabilities(linear(decoder, encode(weights, batch["x"])))
    for i in np.ndindex(*y.shape):
        if y[i] != IGNORED and p[i][y[i]] <= given.get("hardness", 1):
            x.append(-math.log(p[i][y[i]]))

    main = linear(held[1], encode(held, batch["u"]))
    z, fixed = encode(weights, batch["u"]), encode(held, batch["u"])
    target = probabilities(main)
    inside = batch["u_confidence"] > 0
    counted = inside & (target.max(-1) > given.get("threshold", 0))
    u = {i: [] for i in map(tuple, np.argwhere(counted))}
    measure = given.get("measure", "mse")
    for number, (kind, numbers) in enumerate(zip(kinds, drawn)):
        seen = perturbed(kind, z, held[2 + number], main, numbers, settings)
        if kind == "vat":  # the perturbation is a constant
            seen = z + (
                perturbed(kind, fixed, held[2 + number], main, numbers, settings)
                - fixed
            )
        q = probabilities(linear(others[number], seen))
        for i, values in u.items():
            middle = (target[i] + q[i]) / 2
            values.append(
                {
                    "mse": distance(target[i], q[i]) / len(q[i]),
                    "kl": kl(target[i], q[i]),
                    "js": (kl(target[i], middle) + kl(q[i], middle)) / 2,
                }[measure]
            )
    loss_u = mean([mean(values) for values in u.values()])
    weight = ramped(given["lambda_u"], batch["step"], given["length"])
    objects = perturbations.foreground(main, settings["background"])
    return {
        "loss": mean(x) + weight * loss_u,
        "loss_x": mean(x),
        "loss_u": loss_u,
        "lambda_u": weight,
        "foreground": float(objects[inside].mean()),
    }
