"""DMT: pseudo labels on which two networks disagree are down-weighted.

Dynamic Mutual Training (Feng, Zhou, Gu, Tan, Cheng, Lu, Shi and Ma, arXiv:2004.08514),
section 4, for images: algorithm 1, equations 6 to 10. Network A, from the previous
round, gave the pseudo labels. Network B is in training and weights each pseudo label by
its own prediction.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Tuple

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import classification_rounds, weighting
from mixdmt_tf.equations import sigmoid_ramp
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Gammas(weighting.Gammas):
    """The gammas of table 1, rows 7 and 8, with a ramp."""

    gamma_ramp: bool = setting(
        True,
        "let both gammas grow as exp(-5 (1 - t/T)^2), since a network with new weights "
        "cannot judge labels at first (section 4.2.1)",
    )

    def at(self, batch: Dict[str, tf.Tensor], steps: int) -> weighting.Powers:
        """Returns gamma_1 and gamma_2 at a batch's step of a round with `steps`."""
        factor = tf.constant(1.0)
        if self.gamma_ramp:
            factor = sigmoid_ramp(batch["step"], steps)
        return self.gamma1 * factor, self.gamma2 * factor


@dataclasses.dataclass(frozen=True)
class Config(Gammas, classification_rounds.Config):
    """Settings of rounds, and the gammas."""


class DMT(classification_rounds.Round):
    """DMT, algorithm 1, step 7, with the dynamic loss.

    Attributes:
        rule: computes targets and weights; variants use other functions of
            `parts/weighting.py`.
    """

    reported: Tuple[str, ...] = (
        *classification_rounds.Round.reported,
        *weighting.CASES,
        "weight",
        "weight_right",
        "weight_wrong",
        "gamma",
    )

    rule: Any = staticmethod(weighting.dynamic)

    def weigh(
        self, batch: Dict[str, tf.Tensor], images: tf.Tensor, labels: tf.Tensor
    ) -> Tuple[tf.Tensor, tf.Tensor, Dict[str, base.Reported]]:
        """Weights pseudo labels by network B's predictions, without mixup.

        Network B is in training mode, as in the release. Batch normalization uses the
        statistics of labelled and pseudo-labelled images together, and this pass
        updates its running statistics, too.
        """
        logits = self.network(images, training=True)
        probs = tf.stop_gradient(tf.nn.softmax(logits[-tf.shape(labels)[0] :]))
        confidence = batch["u_confidence"]
        gammas = self.config.at(batch, self.facts.steps)
        targets, weights = self.rule(labels, confidence, probs, gammas)
        return (
            targets,
            weights,
            {
                **weighting.cases(labels, confidence, probs),
                **classification_rounds.weight_reports(weights, batch),
                "gamma": gammas[0],
            },
        )
