"""DMT for images: pixels on which two networks disagree are down-weighted.

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
from mixdmt_tf.algorithms.parts import segmentation_rounds, weighting
from mixdmt_tf.settings import override


@dataclasses.dataclass(frozen=True)
class Gammas(weighting.Gammas):
    """Table 1, rows 1 to 4."""

    gamma1: float = override(5.0, "Cityscapes: 3")
    gamma2: float = override(5.0, "Cityscapes: 3")


@dataclasses.dataclass(frozen=True)
class Config(Gammas, segmentation_rounds.Config):
    """Two networks, and gammas."""

    models: int = override(2)


class DMT(segmentation_rounds.Round):
    """Algorithm 2, steps 14 and 16, with the dynamic loss.

    Attributes:
        rule: targets and weights; a variant has another one of `parts/weighting.py`.
    """

    reported: Tuple[str, ...] = (
        *segmentation_rounds.Round.reported,
        *weighting.CASES,
        "weight",
    )
    rule: Any = staticmethod(weighting.dynamic)

    def weigh(
        self, labels: tf.Tensor, confidence: tf.Tensor, probs: tf.Tensor
    ) -> Tuple[tf.Tensor, tf.Tensor, Dict[str, base.Reported]]:
        """Both gammas are the same from the first step of a round on."""
        kept = tf.reduce_sum(labels, -1)
        gammas = tf.constant(self.config.gamma1), tf.constant(self.config.gamma2)
        targets, weights = self.rule(labels, confidence, probs, gammas)
        cases = weighting.cases(labels, confidence, probs)
        shares = {name: (case, kept) for name, case in cases.items()}
        return targets, weights, {**shares, "weight": (weights, kept)}
