"""Coefficients and partners for MixUp, as a pure function of (seed, step, part).

A batch is divided into parts, and partners are drawn within each: usually a part is
what one device has, so that no image has to travel. One device can draw what several
would, part by part, and then several devices train as it does.
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
    """The draws of one replica's rows.

    Args:
        recipe: with `mixup_groups`.
        seed: of the run.
        step: int64 [].
        replica: int64 [], whose rows.
        rows: labelled rows of each part.
        parts: parts that a replica has.

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
    """Where the rows of a part are among those of all parts, int32 [n].

    Mixed-up rows come in blocks: the labelled ones, then views of unlabelled ones. Each
    block has the rows of the first part, then those of the second, and so on.
    """
    unlabeled = sum(recipe.mixup_groups) - 1
    views = unlabeled // recipe.unlabeled_ratio
    blocks = rows * np.array([1] + [recipe.unlabeled_ratio] * views)
    starts = np.cumsum(blocks) - blocks
    own = np.arange(blocks.sum()) + np.repeat(starts * (parts - 1), blocks)
    return (own + np.repeat(part * blocks, blocks)).astype(np.int32)
