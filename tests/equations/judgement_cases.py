"""Equations about what other networks say of a prediction."""

from __future__ import annotations

from mixdmt_tf import equations
from tests.equations.case import Case
from tests.equations.inputs import logits, pair
from tests.oracles import realness

JUDGEMENTS = [
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
]
