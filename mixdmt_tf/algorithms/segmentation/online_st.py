"""Online self-training, DMT's ablation, for images.

`algorithms/parts/online_self_training.py` has the method; a pixel is a row.
"""

from __future__ import annotations

import dataclasses
from typing import Dict

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import (
    online_self_training,
    segmentation_sgd,
    segmentation_unlabeled,
)
from mixdmt_tf.data.segmentation.recipe import Recipe

assumes = {"batch": 1}  # with seven unlabelled images, as DMT


@dataclasses.dataclass(frozen=True)
class Config(
    online_self_training.Settings,
    segmentation_unlabeled.Batches,
    segmentation_unlabeled.Unlabeled,
    segmentation_sgd.Defaults,
    base.Config,
):
    """Settings of the ablation."""


class OnlineST(base.Algorithm):
    """One pass over labelled and unlabelled images, one mean over what counts."""

    reported = ("loss_xu", "loss_x", "kept")

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """Labelled and unlabelled images, augmented alike."""
        return Recipe(unlabeled_ratio=config.unlabeled_ratio)

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Cross-entropy of labels and of sure guesses together."""
        y, known = segmentation_sgd.with_labels(batch["y"], self.facts.num_classes)
        inside = tf.cast(batch["u_confidence"] > 0, tf.float32)
        term, _, kept = online_self_training.joint_loss(
            self.network,
            self.config,
            (batch["x"], y, known),
            (batch["u"], inside),
        )
        labeled = term.values[: tf.shape(y)[0]]
        return {"loss_xu": term}, {"loss_x": (labeled, known), "kept": (kept, inside)}
