"""Pseudo-Label: what the network is sure of is taken for true.

Lee 2013 (Pseudo-Label, ICML workshop on challenges in representation learning), section
2.4, with the confidence threshold of Oliver et al. 2018 (arXiv:1804.09170). Settings
follow the MixMatch release, which differs from Lee: only predictions above the
threshold count, the average being over all rows, and the weight grows linearly from the
first step.
"""

from __future__ import annotations

import dataclasses
from typing import Dict

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import consistency
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import (
    confidence_mask,
    confidence_mask_released,
    cross_entropy,
    hard_label,
)
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config(consistency.Config):
    """Settings of the MixMatch release for CIFAR-10."""

    lambda_u: float = setting(
        1.0,
        "alpha(t) of Lee equation 15: weight of the unlabelled loss after its warm-up "
        "(SVHN: 2)",
        low=0.0,
    )
    confidence_threshold: float = setting(
        0.95,
        "confidence above which a prediction is trained on, Oliver et al.'s release",
        low=0.0,
        high=1.0,
    )
    reduction: str = setting(
        "masked",
        "masked: mean over all rows, unsure ones counting 0 (intended); released: mean "
        "of all rows' losses times the share of sure ones, which is what the MixMatch "
        "release computes (of each replica)",
        choices=("masked", "released"),
    )


class PseudoLabel(consistency.Frame):
    """Pseudo-Label, section 2.4 of Lee, with a threshold."""

    reported = (*consistency.Frame.reported, "kept")
    several_labels = True

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """Returns batches with one view of each unlabelled image."""
        return Recipe(unlabeled_views=1)

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Computes cross-entropies on labels and on confident pseudo labels."""
        u = tf.squeeze(batch["u"], 1)
        loss_x = self.loss_x(batch)
        logits_u = self.predict(u)
        p = tf.nn.softmax(logits_u)
        released = self.config.reduction == "released"
        mask_of = confidence_mask_released if released else confidence_mask
        kept = mask_of(p, self.config.confidence_threshold)
        values = cross_entropy(hard_label(p), logits_u)
        lambda_u = self.lambda_u(batch["step"])
        return (
            {
                "loss_x": loss_x,
                "loss_u": base.Term(values, kept, lambda_u, over_all=True),
            },
            {"lambda_u": lambda_u, "kept": kept, **self.reports(p, batch)},
        )
