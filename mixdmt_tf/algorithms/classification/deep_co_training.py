"""Deep Co-Training: two networks agree on images and differ on adversarial ones.

Qiao, Shen, Zhang, Wang and Yuille 2018 (arXiv:1803.05984), with two views: L = L_sup +
lambda_cot L_cot + lambda_diff L_diff. The authors released no code. Below, 'the code'
is a public one (AlanChou/Deep-Co-Training-for-Semi-Supervised-Image-Recognition), and
the settings are those of its CIFAR-10 run.

- L_cot is the Jensen-Shannon divergence of both predictions for an unlabelled image;
  its gradient reaches both networks.
- L_diff is H(p1(x), p2(g1(x))) + H(p2(x), p1(g2(x))) on labelled and unlabelled images:
  each network resists the adversarial examples g of the other. Neither the formula nor
  the code stops gradients: the gradient reaches p1 as well as p2 of H(p1, p2). The
  examples are constants.
- Adversarial examples come from one step of the fast gradient sign method against the
  label or, for unlabelled images, the predicted class. The network is in inference mode
  as in the code, with running statistics and without dropout. Examples are not clipped
  to the range of images.

Differences from paper and code: Both networks see the same labelled images (the code
draws a batch for each). For batch normalization, labelled and unlabelled images pass
together, and only this pass updates the running statistics; the adversarial examples of
both kinds pass together without updating them.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict

import keras
import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import consistency, two_networks
from mixdmt_tf.algorithms.parts.two_networks import (
    joint_pass,
    predict,
    supervised_terms,
)
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import (
    cross_entropy,
    fast_gradient_sign,
    hard_label,
    js_divergence,
    sigmoid_ramp,
)
from mixdmt_tf.settings import override, setting

assumes = {"network": "cnn13", "batch": 8}


@dataclasses.dataclass(frozen=True)
class Config(two_networks.Config):
    """Settings of the public code for CIFAR-10."""

    learning_rate: float = override(
        0.1,
        "the published .05 (1 + cos(pi t / T)) begins at 0.1, as does cosine's equal "
        "0.1 (1 + cos(pi t / T)) / 2",
    )
    lambda_cot: float = setting(
        10.0,
        "weight of the Jensen-Shannon divergence of both predictions after its warm-up",
        low=0.0,
    )
    lambda_diff: float = setting(
        0.5, "weight of the view difference constraint after its warm-up", low=0.0
    )
    epsilon: float = setting(
        0.02,
        "by how much adversarial examples change each value of an image, for values "
        "from 0 to 1 (images here range from -1 to 1, so twice as much is added)",
        low=0.0,
    )
    warmup: float = setting(
        0.1333,
        "share t of the run over which both weights grow as exp(-5 (1 - t)^2): 80 of "
        "600 epochs; 0: no growth",
        low=0.0,
        high=1.0,
    )
    unlabeled_ratio: int = setting(
        11,
        "unlabelled images in a batch for each labelled one (8 labelled and 92 "
        "unlabelled ones were published, 11.5)",
        low=1,
        high=1000,
    )


class DeepCoTraining(base.Algorithm):
    """Deep Co-Training of Qiao et al. for two networks."""

    reported = (
        "loss_x",
        "loss_x_peer",
        "loss_cot",
        "loss_diff",
        "ramp",
        "agreement",
        "guess_confidence",
        "guess_accuracy",
    )
    has_peer = True
    infers_in_steps = True  # for adversarial images

    @classmethod
    def recipe(cls, config: Any) -> Recipe:
        """Returns batches with one view of each unlabelled image for both networks."""
        return Recipe(unlabeled_views=1, unlabeled_ratio=config.unlabeled_ratio)

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Computes cross-entropies, JS divergence and view difference constraint."""
        config, x, u = self.config, batch["x"], batch["u"][:, 0]
        x1, u1 = joint_pass(self.network, x, u)
        x2, u2 = joint_pass(self.peer, x, u)

        y = tf.one_hot(batch["y"], self.facts.num_classes)
        images = tf.concat([x, u], 0)
        g1 = self._adversarial(self.network, images, y, u1)
        g2 = self._adversarial(self.peer, images, y, u2)
        p1 = tf.nn.softmax(tf.concat([x1, u1], 0))
        p2 = tf.nn.softmax(tf.concat([x2, u2], 0))
        difference = cross_entropy(p1, predict(self.peer, g1))
        difference += cross_entropy(p2, predict(self.network, g2))

        length = round(config.warmup * self.facts.steps)
        ramp = sigmoid_ramp(batch["step"], length)
        same = tf.equal(tf.argmax(u1, -1), tf.argmax(u2, -1))
        return (
            {
                **supervised_terms(batch["y"], x1, x2),
                "loss_cot": base.Term(
                    js_divergence(u1, u2), weight=ramp * config.lambda_cot
                ),
                "loss_diff": base.Term(difference, weight=ramp * config.lambda_diff),
            },
            {
                "ramp": ramp,
                "agreement": tf.cast(same, tf.float32),
                **consistency.guess_reports(tf.nn.softmax(u1), batch["u_truth"]),
            },
        )

    def _adversarial(
        self, network: keras.Model, images: tf.Tensor, y: tf.Tensor, logits_u: tf.Tensor
    ) -> tf.Tensor:
        """Returns adversarial examples for a network, [b + n, H, W, channels]."""
        labels = tf.concat([y, hard_label(tf.nn.softmax(logits_u))], 0)

        def loss(moved: tf.Tensor) -> tf.Tensor:
            return cross_entropy(labels, network(moved, training=False))

        return fast_gradient_sign(loss, images, 2 * self.config.epsilon)
