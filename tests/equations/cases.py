"""One line for each equation: how to call it and how to make inputs for it."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from mixdmt_tf import equations
from tests.equations import linear
from tests.equations.adaptive_cases import ADAPTIVE
from tests.equations.case import Case
from tests.equations.feature_cases import FEATURES
from tests.equations.inputs import (
    labels_logits,
    logits,
    masked,
    mixed_labels,
    pair,
    pasted,
    probabilities,
    pseudo_labelled,
    sixteenths,
    steps,
    students,
)
from tests.equations.judgement_cases import JUDGEMENTS
from tests.equations.ood_cases import OOD
from tests.oracles import (
    adversarial,
    averages,
    boxes,
    dynamic,
    losses,
    masks,
    mixing,
    reductions,
    schedules,
    targets,
)

PER_CLASS = [  # [..., C] -> [...] or [..., C]
    Case("cross_entropy", equations.cross_entropy, losses.cross_entropy, labels_logits),
    Case(
        "squared_error",
        equations.squared_error,
        losses.squared_error,
        lambda rng, shape: [probabilities(rng, shape), probabilities(rng, shape)],
    ),
    Case("kl_divergence", equations.kl_divergence, losses.kl_divergence, pair),
    Case("js_divergence", equations.js_divergence, losses.js_divergence, pair),
    Case(
        "entropy",
        equations.entropy,
        losses.entropy,
        lambda rng, shape: [logits(rng, shape)],
    ),
    Case(
        "sharpen_logits",
        lambda logits: equations.sharpen_logits(logits, 0.4),
        lambda logits: targets.sharpen_logits(logits, 0.4),
        lambda rng, shape: [logits(rng, shape)],
    ),
    Case(
        "hard_label",
        equations.hard_label,
        targets.hard_label,
        lambda rng, shape: [probabilities(rng, shape)],
    ),
    Case(
        "refine",
        lambda labels, guess: equations.refine(labels, guess, guess[..., 0]),
        lambda labels, guess: targets.refine(labels, guess, guess[..., 0]),
        lambda rng, shape: [mixed_labels(rng, shape), probabilities(rng, shape)],
    ),
    Case(
        "smooth_labels",
        lambda labels: equations.smooth_labels(labels, 0.1),
        lambda labels: targets.smooth_labels(labels, 0.1),
        lambda rng, shape: [mixed_labels(rng, shape)],
    ),
    Case(
        "confidence_mask_inclusive",
        lambda probs: equations.confidence_mask_inclusive(probs, 0.5),
        lambda probs: masks.confidence_mask_inclusive(probs, 0.5),
        lambda rng, shape: [np.round(4 * probabilities(rng, shape)) / 4],
    ),
    Case(
        "confidence_mask",
        lambda probs: equations.confidence_mask(probs, 0.7),
        lambda probs: masks.confidence_mask(probs, 0.7),
        lambda rng, shape: [probabilities(rng, shape)],
    ),
    Case(
        "stable_mask",
        lambda probs, others: equations.stable_mask(probs, others, 0.5),
        lambda probs, others: masks.stable_mask(probs, others, 0.5),
        sixteenths,
    ),
    Case(
        "sharpen",
        lambda p: equations.sharpen(p, 0.5),
        lambda p: targets.sharpen(p, 0.5),
        lambda rng, shape: [probabilities(rng, shape)],
    ),
    Case(
        "tsa_mask",
        lambda labels, logits: equations.tsa_mask(labels, logits, 0.55),
        lambda labels, logits: masks.tsa_mask(labels, logits, 0.55),
        labels_logits,
    ),
    Case(
        "tsa_mask_released",
        lambda labels, logits: equations.tsa_mask_released(labels, logits - 4, 0.55),
        lambda labels, logits: masks.tsa_mask_released(labels, logits - 4, 0.55),
        labels_logits,
    ),
    Case(
        "disagreement_cases",
        lambda *given: tf.stack(equations.disagreement_cases(*given), -1),
        dynamic.disagreement_cases,
        pseudo_labelled,
    ),
    Case(
        "dynamic_weight",
        lambda y, c, p: equations.dynamic_weight(y, c, p, 2.5, 4),
        lambda y, c, p: dynamic.dynamic_weight(y, c, p, 2.5, 4),
        pseudo_labelled,
    ),
    Case(
        "naive_weight",
        lambda y, c, p: equations.naive_weight(y, p, 2.5),
        lambda y, c, p: dynamic.naive_weight(y, p, 2.5),
        pseudo_labelled,
    ),
    Case(
        "flipped_label",
        equations.flipped_label,
        dynamic.flipped_label,
        pseudo_labelled,
    ),
    Case(
        "flipped_weight",
        lambda y, c, p: equations.flipped_weight(y, c, p, 4, 2.5),
        lambda y, c, p: dynamic.flipped_weight(y, c, p, 4, 2.5),
        pseudo_labelled,
    ),
    Case("paste", equations.paste, boxes.paste, pasted),
]

CASES = (
    PER_CLASS
    + ADAPTIVE
    + OOD
    + JUDGEMENTS
    + FEATURES
    + [
        Case(
            "guess_label",
            equations.guess_label,
            targets.guess_label,
            lambda rng, shape: [probabilities(rng, [3, *shape])],
        ),
        Case(
            "confidence_mask_released",
            lambda probs: equations.confidence_mask_released(probs, 0.7),
            lambda probs: masks.confidence_mask_released(probs, 0.7),
            lambda rng, shape: [probabilities(rng, shape)],
            shapes=([6, 10], [1, 2], [5, 3]),
        ),
        Case(
            "unit_perturbation",
            equations.unit_perturbation,
            adversarial.unit_perturbation,
            lambda rng, shape: [logits(rng, shape)],
            shapes=([6, 10], [1, 2], [5, 2, 3, 3]),
        ),
        Case(
            "adversarial_perturbation",
            linear.adversarial_perturbation,
            lambda images, noise: adversarial.adversarial_perturbation(
                images, linear.weights(images), noise, 4.0, 0.2
            ),
            pair,
            shapes=([6, 10], [1, 4], [5, 2, 3, 3]),
        ),
        Case(
            "fast_gradient_sign",
            linear.fast_gradient_sign,
            lambda images: adversarial.fast_gradient_sign(
                images, linear.weights(images), [[1, 0, 0]] * len(images), 0.02
            ),
            lambda rng, shape: [logits(rng, shape)],
            shapes=([6, 10], [1, 4], [5, 2, 3, 3]),
        ),
        Case(
            "learner_mask",
            equations.learner_mask,
            masks.learner_mask,
            students,
            shapes=([50], [1], [2, 3, 4]),
        ),
        Case(
            "ood_mask",
            lambda confidence: equations.ood_mask(confidence, 0.29),
            lambda confidence: masks.ood_mask(confidence, 0.29),
            lambda rng, shape: [rng.uniform(size=shape).astype(np.float32)],
            shapes=([100], [7], [1]),
        ),
        *[
            Case(
                curve,
                lambda step, curve=curve: getattr(equations, curve)(step, 100),
                lambda step, curve=curve: getattr(schedules, curve)(step, 100),
                steps,
                shapes=([50], []),
                half=False,
            )
            for curve in (
                "linear_ramp",
                "sigmoid_ramp",
                "cosine_7_16",
                "cosine_to_zero",
                "polynomial_to_zero",
            )
        ],
        *[
            Case(
                "tsa_threshold",
                lambda step, s=schedule: equations.tsa_threshold(s, step, 100, 7),
                lambda step, s=schedule: schedules.tsa_threshold(s, step, 100, 7),
                steps,
                shapes=([50], []),
                half=False,
            )
            for schedule in ("linear", "log", "exp")
        ],
        Case(
            "ema_decay_warmup",
            lambda step: equations.ema_decay_warmup(step, 0.9),
            lambda step: schedules.ema_decay_warmup(step, 0.9),
            steps,
            shapes=([50], []),
            half=False,
        ),
        Case(
            "ema",
            lambda average, value: equations.ema(average, value, 0.9),
            lambda average, value: averages.ema(average, value, 0.9),
            pair,
            shapes=([5], [3, 3, 2, 4]),
        ),
        Case(
            "decay_weight",
            lambda w: equations.decay_weight(w, 0.5, 0.1),
            lambda w: averages.decay_weight(w, 0.5, 0.1),
            lambda rng, shape: [logits(rng, shape)],
            shapes=([5], [3, 3, 2, 4]),
        ),
        Case(
            "mix",
            equations.mix,
            mixing.mix,
            lambda rng, shape: pair(rng, shape) + [rng.uniform(size=shape[:1])],
            shapes=([6], [4, 3], [5, 2, 3, 3]),
        ),
        Case(
            "interpolate",
            equations.interpolate,
            mixing.interpolate,
            lambda rng, shape: pair(rng, shape) + [rng.uniform(size=shape[:1])],
            shapes=([6], [4, 3], [5, 2, 3, 3]),
        ),
        Case(
            "interleave",
            lambda *batches: equations.interleave(batches),
            lambda *batches: mixing.interleave(batches),
            lambda rng, shape: [logits(rng, shape) for _ in range(4)],
            shapes=([7, 3], [9], [3, 2], [8, 2, 2, 3]),
        ),
        Case(
            "box_mask",
            lambda uniforms: equations.box_mask(uniforms, 9, 14),
            lambda uniforms: boxes.box_mask(uniforms, 9, 14, 0.5),
            lambda rng, shape: [rng.random(size=[*shape, 3])],
            shapes=([60], [1], [2, 30], []),
        ),
        Case(
            "masked_mean",
            equations.masked_mean,
            reductions.masked_mean,
            masked,
            shapes=([8], [1], [2, 3, 4]),
        ),
    ]
)
