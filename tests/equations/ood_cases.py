"""Scores by which the out-of-distribution mask can rank images."""

from __future__ import annotations

import numpy as np

from mixdmt_tf import equations
from tests.equations.case import Case
from tests.equations.inputs import logits
from tests.oracles import ood_scores

# Two of each of three classes and none of a fourth; in six dimensions.
LABELS = np.array([0, 0, 1, 1, 3, 3, 3])
REFERENCES = np.random.default_rng(3).normal(1.0, 1.0, (7, 6)).astype(np.float32)


def features(rng, shape):
    """Return float32 features [n, 6]."""
    return [rng.normal(0.5, 2.0, (shape[0], 6)).astype(np.float32)]


def of_logits(name):
    """Return the case of a score that takes logits."""
    return Case(
        name,
        getattr(equations, name),
        getattr(ood_scores, name),
        lambda rng, shape: [logits(rng, shape)],
    )


OOD = [
    *map(of_logits, ("largest_probability", "largest_logit", "negative_energy")),
    of_logits("probability_margin"),
    *[
        Case(
            "nearest_cosine",
            lambda x, k=k: equations.nearest_cosine(x, REFERENCES, k),
            lambda x, k=k: ood_scores.nearest_cosine(x, REFERENCES, k),
            features,
            shapes=([9], [1]),
        )
        for k in (1, 5, 50)
    ],
    Case(
        "mahalanobis",
        lambda x: equations.mahalanobis(x, REFERENCES, LABELS, 4),
        lambda x: ood_scores.mahalanobis(x, REFERENCES, LABELS),
        features,
        shapes=([9], [1]),
    ),
    Case(  # an image of each class leaves no covariance
        "mahalanobis",
        lambda x: equations.mahalanobis(x, REFERENCES[:4], np.arange(4), 4),
        lambda x: -2 * ((x[:, None] - REFERENCES[:4]) ** 2).sum(-1).min(-1),
        features,
        shapes=([9], [1]),
    ),
    Case(
        "subspace",
        lambda x: equations.subspace(x, REFERENCES, LABELS, 4),
        lambda x: ood_scores.subspace(x, REFERENCES, LABELS),
        features,
        shapes=([9], [1]),
    ),
]
