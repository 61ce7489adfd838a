"""Mean Teacher: the averaged weights teach the network on unlabelled images.

Tarvainen and Valpola 2017 (arXiv:1703.01780), section 2. Settings and details follow
the MixMatch release, which differs from the paper: labelled images take no part in the
consistency loss, the weight grows linearly and not as exp(-5 (1 - t)^2), the decay of
the EMA weights is constant, and there is no dropout and no noise. The teacher always
uses the statistics of its batch, as the release does, and never running ones.
"""

from __future__ import annotations

import dataclasses
from typing import Dict

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import consistency
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import squared_error
from mixdmt_tf.settings import override, setting


@dataclasses.dataclass(frozen=True)
class Config(consistency.Config):
    """Settings of the MixMatch release for CIFAR-10."""

    weight_decay: float = override(0.2, "SVHN: 0.02")
    lambda_u: float = setting(
        50.0,
        "weight of the consistency cost J of Tarvainen and Valpola section 2, after "
        "its warm-up (SVHN: 150)",
        low=0.0,
    )


class MeanTeacher(consistency.Frame):
    """Mean Teacher, section 2 of Tarvainen and Valpola."""

    has_teacher = True
    several_labels = True

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """Returns batches with two unlabelled views, for teacher and student."""
        return Recipe(unlabeled_views=2)

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Computes cross-entropy, and the squared distance to the teacher."""
        for_teacher, for_student = tf.unstack(batch["u"], axis=1)
        loss_x = self.loss_x(batch)
        q = self.guess(for_teacher, self.teacher)
        p = tf.nn.softmax(self.predict(for_student))
        lambda_u = self.lambda_u(batch["step"])
        return (
            {
                "loss_x": loss_x,
                "loss_u": base.Term(squared_error(q, p), weight=lambda_u),
            },
            {"lambda_u": lambda_u, **self.reports(q, batch)},
        )
