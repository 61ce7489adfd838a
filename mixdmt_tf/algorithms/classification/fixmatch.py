"""FixMatch: learn from a strong view what the network is sure of in a weak view.

Sohn et al. 2020 (arXiv:2001.07685), section 2. UDA without soft targets: the predicted
class of the flipped and shifted image is the label of its RandAugment copy, provided
that the network is confident.

The paper draws a new strong view each time an image is used. Here, copies are numbered,
with 100 per image by default. `--copies=1000000 --copies_store=virtual` creates each
copy when a batch needs it, so that hardly any copy is used twice.
"""

from __future__ import annotations

import dataclasses
from typing import Dict, Tuple

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import strong_augmentation
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import confidence_mask_inclusive, cross_entropy, hard_label
from mixdmt_tf.settings import override, setting


@dataclasses.dataclass(frozen=True)
class Config(strong_augmentation.Config):
    """Settings of FixMatch, sections 2 and 4 and the release."""

    weight_decay_form: str = override("l2_kernels")
    confidence_threshold: float = setting(
        0.95,
        "tau of equation 4: images whose likeliest class has a lower probability do "
        "not count",
        low=0.0,
        high=1.0,
    )


class FixMatch(base.Algorithm):
    """FixMatch, algorithm 1."""

    reported: Tuple[str, ...] = (
        "loss_x",
        "loss_u",
        "kept",
        "confidence",
        "guess_accuracy",
    )
    several_labels = True

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """Returns batches with a strong (copy) and a weak view of unlabelled images."""
        return strong_augmentation.recipe(config, "randaugment_fixmatch")

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Computes equations 3 and 4."""
        config = self.config
        y = tf.one_hot(batch["y"], self.facts.num_classes)
        logits_x, logits_weak, logits_strong = strong_augmentation.joint_pass(
            self.network, batch
        )

        probs = tf.nn.softmax(logits_weak)
        q = hard_label(probs)
        kept = confidence_mask_inclusive(probs, config.confidence_threshold)
        return (
            {
                "loss_x": base.Term(cross_entropy(y, logits_x)),
                "loss_u": base.Term(
                    cross_entropy(q, logits_strong),
                    kept,
                    config.lambda_u,
                    over_all=True,
                ),
            },
            strong_augmentation.guess_reports(probs, kept, batch["u_truth"]),
        )
