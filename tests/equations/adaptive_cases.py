"""Equations that see running means, or the batch, besides the example."""

from __future__ import annotations

import numpy as np

from mixdmt_tf import equations
from tests.equations.case import Case
from tests.equations.inputs import (
    fairness,
    masked,
    probabilities,
    sixteenths,
    with_class_means,
)
from tests.oracles import adaptive, averages, teaching

ADAPTIVE = [
    Case(
        "adaptive_thresholds",
        lambda means: equations.adaptive_thresholds(0.9, means),
        lambda means: adaptive.adaptive_thresholds(0.9, means),
        lambda rng, shape: [probabilities(rng, shape)],
        shapes=([10], [2]),
    ),
    Case(
        "class_threshold_mask",
        lambda probs, means, _: equations.class_threshold_mask(probs, 2 * means),
        lambda probs, means, _: adaptive.class_threshold_mask(probs, 2 * means),
        with_class_means,
    ),
    Case(
        "class_fairness",
        equations.class_fairness,
        adaptive.class_fairness,
        fairness,
        shapes=([10], [3]),
    ),
    Case(
        "truncated_gaussian",
        lambda confidence: equations.truncated_gaussian(confidence, 0.7, 0.04, 2),
        lambda confidence: adaptive.truncated_gaussian(confidence, 0.7, 0.04, 2),
        lambda rng, shape: [rng.uniform(size=shape).astype(np.float32)],
        shapes=([50], [2, 3, 4]),
    ),
    Case(  # where all guesses are equally sure
        "truncated_gaussian",
        lambda confidence: equations.truncated_gaussian(confidence, 0.5, 0.0),
        lambda confidence: (confidence >= 0.5).astype(np.float32),
        lambda rng, shape: [rng.integers(0, 5, shape).astype(np.float32) / 4],
        shapes=([50], [2, 3, 4]),
    ),
    Case(
        "align_distribution",
        equations.align_distribution,
        adaptive.align_distribution,
        with_class_means,
    ),
    Case(
        "unbiased_average",
        lambda average, updates: equations.unbiased_average(average, 0.6, updates),
        lambda average, updates: averages.unbiased_average(average, 0.6, updates),
        lambda rng, shape: [probabilities(rng, shape), rng.integers(0, 9, shape[:-1])],
    ),
    Case(
        "disagreement_mask",
        equations.disagreement_mask,
        teaching.disagreement_mask,
        sixteenths,
    ),
    *[
        Case(
            "small_loss_mask",
            lambda losses, mask, r=r: equations.small_loss_mask(losses, mask, r),
            lambda losses, mask, r=r: teaching.small_loss_mask(losses, mask, r),
            masked,
            shapes=([20], [1], [9]),
        )
        for r in (0.0, 0.1, 0.5, 1.0)
    ],
]
