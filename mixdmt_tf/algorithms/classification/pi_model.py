"""Pi-model: two views of an unlabelled image should be predicted alike.

Laine and Aila 2017 (arXiv:1610.02242), algorithm 1; before them Sajjadi, Javanmardi and
Tasdizen 2016 (arXiv:1606.04586). Settings and details follow the MixMatch release,
which differs from the paper: the gradient flows through one of the two predictions
only, labelled images take no part in the unlabelled loss, the weight grows linearly and
not as a Gaussian, and there is no dropout, no noise and no ZCA.
"""

from __future__ import annotations

import dataclasses
from typing import Dict

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import consistency
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import squared_error
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config(consistency.Config):
    """Settings of the MixMatch release for CIFAR-10."""

    lambda_u: float = setting(
        20.0,
        "w of Laine and Aila algorithm 1: weight of the unlabelled loss after its "
        "warm-up (SVHN: 5, with weight_decay 0.2)",
        low=0.0,
    )


class PiModel(consistency.Frame):
    """Pi-model, algorithm 1 of Laine and Aila."""

    several_labels = True

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """Returns batches with two views of each unlabelled image."""
        return Recipe(unlabeled_views=2)

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Computes cross-entropy, and the squared difference of two predictions."""
        first, second = tf.unstack(batch["u"], axis=1)
        loss_x = self.loss_x(batch)
        q = self.guess(first)
        p = tf.nn.softmax(self.predict(second))
        lambda_u = self.lambda_u(batch["step"])
        return (
            {
                "loss_x": loss_x,
                "loss_u": base.Term(squared_error(q, p), weight=lambda_u),
            },
            {"lambda_u": lambda_u, **self.reports(q, batch)},
        )
