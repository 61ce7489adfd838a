"""Labels only: what every semi-supervised method must beat.

It uses the same network, augmentation, optimizer, EMA and number of steps as the other
methods, without the unlabelled images.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import cross_entropy, smooth_labels
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config(base.Config):
    """The settings that all methods share, and label smoothing."""

    smoothing: float = setting(
        0.0,
        "epsilon of label smoothing, labels - epsilon (labels - 1/C), Szegedy et al. "
        "2016 section 7 (MixMatch's fully supervised baseline: 0.001, SVHN 0.01)",
        low=0.0,
        high=1.0,
    )


class Supervised(base.Algorithm):
    """Cross-entropy on the labelled images."""

    reported = ("loss_x", "accuracy_x")
    several_labels = True

    @classmethod
    def recipe(cls, config: Any) -> Recipe:
        """Returns batches of labelled images, augmented once."""
        return Recipe()

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Computes the cross-entropy."""
        y = tf.one_hot(batch["y"], self.facts.num_classes)
        labels = smooth_labels(y, self.config.smoothing)
        logits = self.network(batch["x"], training=True)
        hits = tf.equal(tf.argmax(logits, -1, tf.int32), batch["y"])
        return (
            {"loss_x": base.Term(cross_entropy(labels, logits))},
            {"accuracy_x": (tf.cast(hits, tf.float32), batch["y"] >= 0)},
        )
