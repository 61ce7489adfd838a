"""Online self-training, DMT's ablation, for images.

`algorithms/parts/online_self_training.py` implements the method; augmentation and
optimizer are those of DMT's baseline.
"""

from __future__ import annotations

import dataclasses
from typing import Dict

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import consistency, dmt_sgd, online_self_training
from mixdmt_tf.data.classification.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class Config(online_self_training.Settings, dmt_sgd.Defaults, base.Config):
    """Settings of the ablation, which the paper ran for segmentation only."""


class SelfTraining(base.Algorithm):
    """Online self-training: one pass and one loss for labels and pseudo labels."""

    reported = ("loss_xu", "kept", "guess_confidence", "guess_accuracy")

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """Returns batches of labelled and unlabelled images, augmented alike."""
        return Recipe(
            unlabeled_views=1,
            unlabeled_ratio=config.unlabeled_ratio,
            augment=config.augment,
            border=dmt_sgd.BORDER,
        )

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Computes cross-entropy on labels and confident pseudo labels together."""
        y = tf.one_hot(batch["y"], self.facts.num_classes)
        term, p, kept = online_self_training.joint_loss(
            self.network,
            self.config,
            (batch["x"], y, tf.ones_like(y[:, 0])),
            (batch["u"][:, 0], tf.constant(1.0)),
        )
        return (
            {"loss_xu": term},
            {"kept": kept, **consistency.guess_reports(p, batch["u_truth"])},
        )
