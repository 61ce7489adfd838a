"""Perturbations of features, and the masks that guide some of them."""

from __future__ import annotations

import numpy as np

from mixdmt_tf import equations
from tests.equations.case import Case
from tests.oracles import perturbations


def sixteenths(rng, shape):
    """Return float32 numbers that survive half precision, with ties."""
    return (rng.integers(-16, 33, size=shape) / 16).astype(np.float32)


def shares(rng, shape):
    """Return float32 numbers in [0, 1) that survive it."""
    return (rng.integers(0, 16, size=shape) / 16).astype(np.float32)


def masks(rng, shape):
    """Return features, and masks of larger images than they."""
    n, height, width, _ = shape
    mask = rng.integers(0, 2, size=(n, 3 * height + 1, 2 * width)).astype(np.float32)
    return [sixteenths(rng, shape), mask]


def boxes(rng, shape):
    """Return boxes in an image of 20 x 30 pixels, some of no object, and draws."""
    first = rng.integers(0, 9, size=(*shape, 2))
    sides = rng.integers(0, 11, size=(*shape, 2)) * [1, 2]
    found = np.concatenate([first, sides], -1).astype(np.float32)
    found[..., -1, :] = 0
    return [found, shares(rng, (*shape, 2))]


MAPS = ([2, 3, 5, 4], [1, 1, 1, 2], [3, 4, 2, 8])

FEATURES = [
    Case(
        "feature_noise",
        equations.feature_noise,
        lambda z, uniforms: perturbations.feature_noise(z, uniforms, 0.3),
        lambda rng, shape: [sixteenths(rng, shape), shares(rng, shape)],
    ),
    Case(
        "feature_drop",
        equations.feature_drop,
        perturbations.feature_drop,
        lambda rng, shape: [sixteenths(rng, shape), shares(rng, shape[:1])],
        shapes=MAPS,
    ),
    Case(
        "spatial_dropout",
        equations.spatial_dropout,
        lambda z, uniforms: perturbations.spatial_dropout(z, uniforms, 0.5),
        lambda rng, shape: [sixteenths(rng, shape), shares(rng, (shape[0], shape[-1]))],
        shapes=MAPS,
    ),
    Case(
        "masked_features",
        equations.masked_features,
        perturbations.masked_features,
        masks,
        shapes=MAPS,
    ),
    *[
        Case(
            "foreground",
            lambda scores, k=background: equations.foreground(scores, k),
            lambda scores, k=background: perturbations.foreground(scores, k),
            lambda rng, shape: [sixteenths(rng, shape)],
            shapes=MAPS,
        )
        for background in (0, -1)
    ],
    Case(
        "cutout_mask",
        lambda found, uniforms: equations.cutout_mask(found, uniforms, 20, 30),
        lambda found, uniforms: perturbations.cutout_mask(found, uniforms, 20, 30, 0.4),
        boxes,
        shapes=([3, 2], [1, 1], [2, 5]),
    ),
]
