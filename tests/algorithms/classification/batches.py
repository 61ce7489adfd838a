"""Small made-up batches, and algorithms on networks small enough for them."""

from __future__ import annotations

from typing import Any, Dict, List, Union

import numpy as np
import tensorflow as tf

from mixdmt_tf import algorithms, models
from mixdmt_tf.algorithms.base import RunFacts
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.models.base import Network

SHAPE = (8, 8, 1)
CLASSES = 4
UNLABELED = 64  # images, of which a batch shows some
LABELED = 8
# The second one has batch normalization: one block is enough to see what comes of it.
SMALL = {
    "small_cnn": {"filters": 4},
    "wide_resnet": {"depth": 10, "width": 1, "stages": 1},
}


def build(
    name: str,
    network: Union[str, Network] = "small_cnn",
    labels: int = LABELED,
    **settings: Any,
):
    """A compiled algorithm on a small network: one of `SMALL`, or another one."""
    method_class = algorithms.method("classification", name)
    if hasattr(method_class.config_class, "unlabeled_ratio"):
        settings.setdefault("unlabeled_ratio", 2)  # seven take long
    if method_class.config_class().learning_rate == 0:
        settings.setdefault("learning_rate", 0.002)  # for a step to change something
    if hasattr(method_class.config_class, "strong_views"):
        settings.setdefault("strong_views", 2)  # eight, too
    if isinstance(network, str):
        network = models.network(network)(**SMALL[network])
    built = network.build(SHAPE, CLASSES)
    facts = RunFacts(
        CLASSES,
        labels,
        steps=100,
        unlabeled=UNLABELED,
        noise_rate=0.3,
        pretrained=True,
    )
    method = method_class(built, method_class.config_class(**settings), facts)
    method.compile()
    return method


def make(recipe: Recipe, rows: int, step: int = 3, seed: int = 0) -> Dict[str, Any]:
    """A batch as `Recipe` describes it, of random images."""
    rng = np.random.default_rng(seed)
    views = recipe.unlabeled_views
    batch = {
        "step": np.int64(step),
        "x": rng.uniform(-1, 1, (rows,) + SHAPE).astype(np.float32),
        "y": rng.integers(0, CLASSES, rows).astype(np.int32),
    }
    if views:
        n, originals = rows * recipe.unlabeled_ratio, recipe.original_views
        batch["u"] = rng.uniform(-1, 1, (n, views) + SHAPE).astype(np.float32)
        batch["u_truth"] = rng.integers(0, CLASSES, n).astype(np.int32)
        if originals:
            pictures = rng.uniform(-1, 1, (n, originals) + SHAPE)
            batch["u_original"] = pictures.astype(np.float32)
        if recipe.indices:
            batch["u_index"] = rng.permutation(UNLABELED)[:n].astype(np.int64)
            batch["x_index"] = np.arange(seed, seed + rows) % LABELED
        if recipe.noise:
            batch["u_noise"] = rng.normal(size=(n,) + SHAPE).astype(np.float32)
        if recipe.pseudo:
            batch["u_label"] = rng.integers(0, CLASSES, n).astype(np.int32)
            batch["u_confidence"] = rng.uniform(0.25, 1, n).astype(np.float32)
            batch["u_weight"] = np.ones(n, np.float32)
            batch["x_weight"] = np.ones(rows, np.float32)
        if recipe.unkept:
            batch["u_kept"] = (np.arange(n) % 4 > 0).astype(np.float32)
    if recipe.mixup_groups:
        batch["lam"] = rng.beta(0.75, 0.75, rows * sum(recipe.mixup_groups))
        if recipe.mixup_shared:  # by all replicas, too: of the step alone
            shared = np.random.default_rng(step).beta(0.75, 0.75)
            batch["lam"] = np.full_like(batch["lam"], shared)
        batch["lam"] = batch["lam"].astype(np.float32)
        partners: List[np.ndarray] = []
        start = 0
        for group in recipe.mixup_groups:
            partners.append(start + rng.permutation(rows * group))
            start += rows * group
        batch["partner"] = np.concatenate(partners).astype(np.int32)
    return {name: tf.constant(value) for name, value in batch.items()}


def merge(first: Dict[str, Any], second: Dict[str, Any]) -> Dict[str, Any]:
    """The batch of one device that holds the rows of two replicas.

    Rows of a mixed-up batch come in blocks (x, first view of u, second view, ...); a
    partner keeps its replica.
    """
    rows = len(first["x"])
    merged = {"step": first["step"]}
    for name in set(first) - {"step", "lam", "partner"}:
        merged[name] = tf.concat([first[name], second[name]], 0)
    if "lam" in first:
        total = len(first["lam"])
        blocks = np.full(total // rows, rows)
        if "u" in first and total > rows:
            # Labelled rows, and as many blocks of unlabelled ones as are mixed in.
            views = (total - rows) // len(first["u"])
            blocks = np.array([rows] + [len(first["u"])] * views)
        assert blocks.sum() == total
        starts = np.cumsum(blocks) - blocks

        def place(index, replica):
            block = np.searchsorted(starts, index, "right") - 1
            return index + starts[block] + replica * blocks[block]

        lam, partner = np.empty(2 * total, np.float32), np.empty(2 * total, np.int32)
        for replica, part in enumerate((first, second)):
            own = place(np.arange(total), replica)
            lam[own] = part["lam"]
            partner[own] = place(part["partner"].numpy(), replica)
        merged["lam"], merged["partner"] = tf.constant(lam), tf.constant(partner)
    return merged


def weights(algorithm) -> List[np.ndarray]:
    """Trainable weights and their averages."""
    pairs = algorithm.average.pairs()
    return [w.numpy() for w, _ in pairs] + [average.numpy() for _, average in pairs]
