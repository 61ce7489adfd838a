"""DMT for scenes: where two networks disagree, a pixel counts less.

Dynamic Mutual Training (Feng, Zhou, Gu, Tan, Cheng, Lu, Shi and Ma, arXiv:2004.08514),
section 4, algorithm 2, equations 6 to 11. Network A gave the pseudo labels; network B
is in training and weighs each pixel by what it thinks of it itself, in the very pass
that it learns from.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Tuple

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.classification import dmt as images
from mixdmt_tf.algorithms.classification.dmt import CASES
from mixdmt_tf.algorithms.parts import segmentation_rounds
from mixdmt_tf.equations import disagreement_cases
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config(segmentation_rounds.Config):
    """Table 1, rows 1 to 4."""

    models: int = setting(
        2,
        "1: a network labels for itself; 2: two networks teach each other, algorithm 2",
        choices=(1, 2),
    )
    gamma1: float = setting(
        5.0,
        "gamma_1 of Eq. 6: power of the weight in agreement (Cityscapes: 3)",
        low=0.0,
    )
    gamma2: float = setting(
        5.0,
        "gamma_2 of Eq. 6: power of the weight in negative disagreement (Cityscapes: "
        "3)",
        low=0.0,
    )


class DMT(segmentation_rounds.Round):
    """Algorithm 2, steps 14 and 16, with the dynamic loss."""

    reported: Tuple[str, ...] = (*segmentation_rounds.Round.reported, *CASES, "weight")
    # Targets and weights of Eq. 6 are the same for an image and for a pixel.
    dynamic: Any = images.DMT.dynamic

    def weigh(
        self, labels: tf.Tensor, confidence: tf.Tensor, probs: tf.Tensor
    ) -> Tuple[tf.Tensor, tf.Tensor, Dict[str, base.Reported]]:
        """Both gammas are the same from the first step of a round on."""
        kept = tf.reduce_sum(labels, -1)
        gammas = tf.constant(self.config.gamma1), tf.constant(self.config.gamma2)
        targets, weights = self.dynamic(labels, confidence, probs, gammas)
        cases = tf.unstack(disagreement_cases(labels, confidence, probs), axis=-1)
        shares = {name: (case, kept) for name, case in zip(CASES, cases)}
        return targets, weights, {**shares, "weight": (weights, kept)}
