"""Equations about predictions, and what other networks say of them."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from mixdmt_tf import equations
from tests.equations.case import Case
from tests.equations.inputs import labels_logits, logits, masked, pair, probabilities
from tests.oracles import flaws, image_labels, losses, realness

MAPS = ([3, 9, 12], [1, 20, 17])

JUDGEMENTS = [
    Case(
        "cross_entropy_of_log_probs",
        lambda labels, z: equations.cross_entropy_of_log_probs(
            labels, tf.nn.log_softmax(tf.cast(z, tf.float32))
        ),
        losses.cross_entropy,
        labels_logits,
    ),
    Case(
        "binary_cross_entropy",
        equations.binary_cross_entropy,
        realness.binary_cross_entropy,
        lambda rng, shape: [rng.integers(0, 3, shape) / 2, logits(rng, shape)],
    ),
    Case(
        "feature_matching",
        equations.feature_matching,
        realness.feature_matching,
        pair,
    ),
    Case(
        "realness_mask",
        lambda z: equations.realness_mask(z, 0.7),
        lambda z: realness.realness_mask(z, 0.7),
        lambda rng, shape: [logits(rng, shape)],
    ),
    Case(
        "class_error",
        equations.class_error,
        flaws.class_error,
        lambda rng, shape: [probabilities(rng, shape), probabilities(rng, shape)],
    ),
    Case(
        "gaussian_blur",
        lambda maps: equations.gaussian_blur(maps, 5),
        lambda maps: flaws.blur(maps, 5),
        lambda rng, shape: [logits(rng, shape)],
        shapes=MAPS,
    ),
    *[
        Case(
            name,
            lambda maps, name=name: getattr(equations, name)(maps, 33),
            lambda maps, name=name: getattr(flaws, name)(maps, 33),
            lambda rng, shape: [rng.uniform(-0.2, 0.5, shape).astype(np.float32)],
            shapes=MAPS,
        )
        for name in ("flaw_truth", "handled_flaws")
    ],
    Case(
        "dynamic_target",
        lambda p, q, a, b: equations.dynamic_target(p, q, a, b, 0.6),
        lambda p, q, a, b: flaws.dynamic_target(p, q, a, b, 0.6),
        lambda rng, shape: [
            *(probabilities(rng, shape) for _ in "pq"),
            *(rng.integers(0, 9, shape[:-1]) / 8 for _ in "ab"),
        ],
    ),
    Case(
        "both_flawed_mask",
        lambda a, b: equations.both_flawed_mask(a, b, 0.6),
        lambda a, b: flaws.both_flawed_mask(a, b, 0.6),
        lambda rng, shape: [rng.integers(0, 9, shape) / 8 for _ in "ab"],
    ),
    Case(
        "cosine_distance",
        equations.cosine_distance,
        image_labels.cosine_distance,
        pair,
    ),
    *[
        Case(
            "filtered_logits",
            lambda z, kept, r=r: equations.filtered_logits(z, kept, r),
            lambda z, kept, r=r: image_labels.filtered_logits(z, kept, r),
            masked,
        )
        for r in (False, True)
    ],
]
