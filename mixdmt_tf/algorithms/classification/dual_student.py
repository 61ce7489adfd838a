"""Dual Student: of two students, the one that is surer of an image teaches the other.

Ke, Wang, Yan, Ren and Lau 2019 (arXiv:1909.01804); settings and details follow the
release for CIFAR-10 with CNN-13. Each student predicts two views of an unlabelled
image, one of them with a gradient: the network the first, the peer the second. Besides
the cross-entropy on labels, each student minimizes

- consistency: the squared distance between its two predictions;
- stabilization: the squared distance to the other student's prediction, where the other
  student is stable (predicts the same class for both views, at least once confidently)
  and this one is not stable, or its two predictions are farther apart.

Squared distances are means over the classes. As in the release, every sum of a loss is
divided by all images of the batch, labelled and unlabelled ones. With equal numbers of
both, the cross-entropies have weight 1/2, and stabilization half of
`lambda_stabilization`. Consistency in the release has as many rows as its divisor.

The networks of the release have a dropout of .5, which here is a setting of the
network: --network=cnn13 --dropout=0.5. Differences from the release:

- Labelled images are used in the cross-entropy only, and both students see the same
  view of them. In the release they also have two views and are used in the consistency
  loss, but not in stabilization.
- The networks have one output. The release's have two, one for the labels and one for
  the other losses, which a residual logit loss of weight .01 ties together. With one
  output this loss is zero, and it is left out.
- Batch normalization: labelled images and the view with a gradient pass together, as in
  the release, and only this pass updates the running statistics. The other view is
  normalized by its own statistics and does not update the running ones.
- If both students are stable and their distances are equal, neither learns.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import consistency as frame
from mixdmt_tf.algorithms.parts import two_networks
from mixdmt_tf.algorithms.parts.two_networks import (
    joint_pass,
    predict,
    supervised_terms,
)
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import (
    learner_mask,
    sigmoid_ramp,
    squared_error,
    stable_mask,
)
from mixdmt_tf.settings import override, setting

assumes = {"network": "cnn13", "batch": 50}


@dataclasses.dataclass(frozen=True)
class Config(two_networks.Config):
    """Settings of the release for CIFAR-10."""

    nesterov: bool = override(True)
    lambda_consistency: float = setting(
        10.0, "weight of the consistency constraint after its warm-up", low=0.0
    )
    lambda_stabilization: float = setting(
        100.0, "weight of the stabilization constraint after its warm-up", low=0.0
    )
    stable_threshold: float = setting(
        0.8,
        "xi: an image is stable if its class is the same in both views and "
        "has a probability above this in at least one",
        low=0.0,
        high=1.0,
    )
    warmup: float = setting(
        0.0167,
        "share t of the run over which both weights grow as exp(-5 (1 - t)^2): 5 of "
        "300 epochs; 0: no growth",
        low=0.0,
        high=1.0,
    )
    unlabeled_ratio: int = setting(
        1,
        "unlabelled images in a batch for each labelled one (50 and 50 were published)",
        low=1,
        high=1000,
    )


class DualStudent(base.Algorithm):
    """Dual Student of Ke et al."""

    reported = (
        "loss_x",
        "loss_x_peer",
        "loss_consistency",
        "loss_consistency_peer",
        "loss_stabilization",
        "loss_stabilization_peer",
        "ramp",
        "stable",
        "stable_peer",
        "guess_confidence",
        "guess_accuracy",
    )
    has_peer = True

    @classmethod
    def recipe(cls, config: Any) -> Recipe:
        """Returns batches with two views of each unlabelled image."""
        return Recipe(unlabeled_views=2, unlabeled_ratio=config.unlabeled_ratio)

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Computes cross-entropies, consistency and stabilization of both students."""
        config = self.config
        first, second = tf.unstack(batch["u"], axis=1)
        x1, u1 = joint_pass(self.network, batch["x"], first)
        x2, u2 = joint_pass(self.peer, batch["x"], second)
        p1, p2 = tf.nn.softmax(u1), tf.nn.softmax(u2)
        again1 = tf.stop_gradient(tf.nn.softmax(predict(self.network, second)))
        again2 = tf.stop_gradient(tf.nn.softmax(predict(self.peer, first)))

        distance1, distance2 = squared_error(again1, p1), squared_error(again2, p2)
        stable1 = stable_mask(p1, again1, config.stable_threshold)
        stable2 = stable_mask(p2, again2, config.stable_threshold)
        learns1 = learner_mask(stable1, stable2, distance1, distance2)
        learns2 = learner_mask(stable2, stable1, distance2, distance1)
        from2 = squared_error(tf.stop_gradient(p2), p1)
        from1 = squared_error(tf.stop_gradient(p1), p2)

        length = round(config.warmup * self.facts.steps)
        ramp = sigmoid_ramp(batch["step"], length)
        consistency = ramp * config.lambda_consistency
        labeled = 1 / (1 + config.unlabeled_ratio)
        stabilization = ramp * (1 - labeled) * config.lambda_stabilization
        return (
            {
                **supervised_terms(batch["y"], x1, x2, weight=labeled),
                "loss_consistency": base.Term(distance1, weight=consistency),
                "loss_consistency_peer": base.Term(distance2, weight=consistency),
                "loss_stabilization": base.Term(from2, learns1, stabilization, True),
                "loss_stabilization_peer": base.Term(
                    from1, learns2, stabilization, True
                ),
            },
            {
                "ramp": ramp,
                "stable": stable1,
                "stable_peer": stable2,
                **frame.guess_reports(p1, batch["u_truth"]),
            },
        )
