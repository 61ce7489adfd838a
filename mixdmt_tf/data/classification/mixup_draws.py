"""MixUp coefficients and partners, as a pure function of (seed, step, part).

A batch is divided into parts, and partners are drawn within each part. Usually a part
is the share of one device, so that no image has to be sent to another device. A single
device can draw several parts, and then trains exactly like several devices.
"""

from __future__ import annotations

from typing import Dict

import numpy as np
import tensorflow as tf

from mixdmt_tf.data import draws
from mixdmt_tf.data.classification.recipe import Recipe


def mixup_draws(
    recipe: Recipe,
    seed: int,
    step: tf.Tensor,
    replica: tf.Tensor,
    rows: int,
    parts: int,
) -> Dict[str, tf.Tensor]:
    """Draws coefficients and partners for the rows of one replica.

    Args:
        recipe: a recipe with `mixup_groups`.
        seed: the run's seed.
        step: int64 [], the global step.
        replica: int64 [], number of the replica.
        rows: labelled rows of each part.
        parts: number of parts of a replica.

    Returns:
        `lam`, float32 [n], and `partner`, int32 [n], as `Recipe` describes them.
    """
    shared = draws.step_key(seed, "mixup", step)
    total = rows * sum(recipe.mixup_groups)
    lams, partners = [], []
    for part in range(parts):
        key = tf.random.experimental.stateless_fold_in(shared, replica * parts + part)
        if recipe.mixup_shared:
            lams.append(tf.repeat(draws.beta(shared, [1], recipe.mixup_beta), total))
        else:
            lams.append(draws.beta(key, [total], recipe.mixup_beta))
        drawn, start = [], 0
        for group in recipe.mixup_groups:
            key = tf.random.experimental.stateless_fold_in(key, 1)
            drawn.append(start + draws.permutation(key, rows * group))
            start += rows * group
        partners.append(tf.concat(drawn, 0))
    if parts == 1:
        return {"lam": lams[0], "partner": partners[0]}
    places = [_places(recipe, rows, part, parts) for part in range(parts)]
    order = np.argsort(np.concatenate(places))
    partners = [tf.gather(own, drawn) for own, drawn in zip(places, partners)]
    return {
        "lam": tf.gather(tf.concat(lams, 0), order),
        "partner": tf.gather(tf.concat(partners, 0), order),
    }


def _places(recipe: Recipe, rows: int, part: int, parts: int) -> np.ndarray:
    """Returns the indices of a part's rows among the rows of all parts, int32 [n].

    The rows for MixUp come in blocks: labelled images, then views of unlabelled images.
    Each block has the rows of the first part, then those of the second, and so on.
    """
    unlabeled = sum(recipe.mixup_groups) - 1
    views = unlabeled // recipe.unlabeled_ratio
    blocks = rows * np.array([1] + [recipe.unlabeled_ratio] * views)
    starts = np.cumsum(blocks) - blocks
    own = np.arange(blocks.sum()) + np.repeat(starts * (parts - 1), blocks)
    return (own + np.repeat(part * blocks, blocks)).astype(np.int32)
