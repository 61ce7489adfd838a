"""Interpolation consistency training: predictions between images should be between.

Verma et al. 2019 (arXiv:1903.03825). Settings and details follow the MixMatch release,
which differs from the paper: the coefficient is max(lam, 1 - lam) and drawn for each
image rather than for the batch, and the weight grows linearly and not as a sigmoid.
Partners are a random permutation. The release reverses the batch, which is equally
random, since batches are shuffled.
"""

from __future__ import annotations

import dataclasses
from typing import Dict

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import consistency
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import mix, squared_error
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config(consistency.Config):
    """Settings of the MixMatch release for CIFAR-10."""

    lambda_u: float = setting(
        1000.0,
        "w(t) of Verma et al.: weight of the consistency loss after its warm-up (SVHN: "
        "20)",
        low=0.0,
    )
    mixup_beta: float = setting(
        0.75,
        "both parameters of the Beta distribution (SVHN: 0.5)",
        low=1e-3,
    )


class ICT(consistency.Frame):
    """ICT, the consistency loss on mixed images of Verma et al."""

    has_teacher = True
    several_labels = True

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """Returns batches with one view of each unlabelled image, mixed in pairs."""
        # The blocks are x and u. The draws for x are not used; they cost nothing, and
        # without them recipes would need another way to specify blocks.
        return Recipe(1, mixup_groups=(1, 1), mixup_beta=config.mixup_beta)

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Computes cross-entropy, and the consistency loss of mixed images."""
        u = tf.squeeze(batch["u"], 1)
        _, lam = tf.split(batch["lam"], 2)
        _, partner = tf.split(batch["partner"], 2)
        partner -= tf.shape(u)[0]  # counted from the first row of x

        loss_x = self.loss_x(batch)
        q = self.guess(u, self.teacher)
        mixed_q = mix(q, tf.gather(q, partner), lam)
        mixed_u = mix(u, tf.gather(u, partner), lam)
        p = tf.nn.softmax(self.predict(mixed_u))
        lambda_u = self.lambda_u(batch["step"])
        return (
            {
                "loss_x": loss_x,
                "loss_u": base.Term(squared_error(mixed_q, p), weight=lambda_u),
            },
            {"lambda_u": lambda_u, **self.reports(q, batch)},
        )
