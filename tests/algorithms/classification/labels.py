"""Methods and batches for images with several labels, small enough for tests."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf import algorithms
from mixdmt_tf.models import label_pairs, small_cnn
from tests.algorithms.classification import batches

LABELS = 3
TRUE_OR_NOT = 2  # classes of each label


def network():
    """Images to logits [B, L, 2]."""
    return label_pairs.paired(
        small_cnn.SmallCNN(filters=4).build(batches.SHAPE, LABELS)
    )


def alone(model, place):
    """The network for one of the labels, as one of two classes: logits [B, 2]."""
    return keras.Model(model.inputs, model.output[:, place])


def method(name, model, **settings):
    """A compiled method on a network for labels, which need not be few."""
    built = algorithms.method("classification", name)
    if hasattr(built.config_class, "unlabeled_ratio"):
        settings.setdefault("unlabeled_ratio", 2)
    facts = batches.RunFacts(TRUE_OR_NOT, 300, steps=100, unlabeled=batches.UNLABELED)
    made = built(model, built.config_class(**settings), facts)
    made.compile()
    return made


def batch_for(made, rows, unknown=0.0, seed=0):
    """A batch with labels [rows, L], of which some share is unknown."""
    batch = batches.make(made.recipe(made.config), rows, step=30, seed=seed)
    rng = np.random.default_rng(seed)

    def labels(number):
        drawn = rng.integers(0, 2, (number, LABELS)).astype(np.int32)
        drawn[rng.uniform(size=drawn.shape) < unknown] = -1
        return tf.constant(drawn)

    batch["y"] = labels(rows)
    if "u" in batch:
        batch["u_truth"] = labels(len(batch["u"]))
    return batch


def of_label(batch, place):
    """The batch of the one label, of which all are known."""
    one = {**batch, "y": batch["y"][:, place]}
    if "u" in batch:
        one["u_truth"] = batch["u_truth"][:, place]
    return one
