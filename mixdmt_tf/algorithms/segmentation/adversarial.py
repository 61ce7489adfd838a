"""Adversarial learning: predictions that a discriminator takes for label maps.

Hung, Tsai, Liou, Lin and Yang 2018 (arXiv:1802.07934), and their release; DMT
(arXiv:2004.08514) compares with it in tables 4 and 6. A fully convolutional
discriminator says of each pixel of a class map whether it is of a label map or
predicted. The network is to deceive it, on labelled and on unlabelled images (L_adv,
Eq. 4), and learns its own classes of those pixels of unlabelled images that the
discriminator takes for true (L_semi, Eq. 5), once it has learned for a while.

What differs from the release:

- Label maps that the discriminator sees are those of the batch. The release reads other
  labelled images for it.
- What lies beside an unlabelled image is no prediction: it doesn't count in L_adv. In
  predicted maps ignored pixels and what lies beside an image are zeros, as they are in
  label maps, or the discriminator could tell by these.
- A step in which no pixel passes the threshold still has its L_adv. In the release it
  has none on unlabelled images (`--adversary_needs_kept`).
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Tuple

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import (
    discriminators,
    segmentation_sgd,
    segmentation_unlabeled,
)
from mixdmt_tf.algorithms.parts.terms import mean_of_all
from mixdmt_tf.equations import (
    binary_cross_entropy,
    cross_entropy,
    hard_label,
    realness_mask,
)
from mixdmt_tf.models.discriminators import map_discriminator
from mixdmt_tf.settings import override, setting

assumes = {"batch": 10}  # with as many unlabelled images


@dataclasses.dataclass(frozen=True)
class Config(
    segmentation_unlabeled.Passes,
    discriminators.Discriminator,
    segmentation_unlabeled.Batches,
    segmentation_unlabeled.Unlabeled,
    segmentation_sgd.Defaults,
    base.Config,
):
    """Settings of the release, lambda_adv that of its README and of the paper."""

    learning_rate: float = override(0.00025)
    epochs: float = override(21.6, "20,000 steps with 1/8 of the labels")
    lambda_u: float = override(0.1, "lambda_semi: of the self-training")
    lambda_adv: float = setting(
        0.01, "weight of the adversarial loss on labelled images", low=0.0
    )
    lambda_adv_u: float = setting(
        0.001, "weight of the adversarial loss on unlabelled images", low=0.0
    )
    realness_threshold: float = setting(
        0.2,
        "T_semi: pixels that the discriminator takes for real with more than this "
        "probability are trained on their predicted class",
        low=0.0,
        high=1.0,
    )
    self_training_start: float = setting(
        0.25,
        "share of the run after which self-training begins: 5,000 of 20,000 steps",
        low=0.0,
        high=1.0,
    )
    adversary_needs_kept: bool = setting(
        False,
        "as released: once self-training has begun, no adversarial loss on unlabelled "
        "images in steps of which no pixel is kept",
    )


class Adversarial(discriminators.Opposed):
    """The method of Hung et al.

    Attributes:
        discriminator: from class maps to a logit for each pixel, 1 for true.
    """

    reported = (
        "loss_x",
        "loss_u",
        "loss_adv",
        "loss_adv_u",
        "loss_fake",
        "loss_real",
        "kept",
        "realness",
    )

    def __init__(self, network: Any, config: Config, facts: base.RunFacts):
        """Makes the discriminator; arguments of `base.Algorithm`."""
        super().__init__(network, config, facts)
        config.require_crop(network.output_shape[1:3])
        self.discriminator = map_discriminator(
            facts.num_classes, config.discriminator_layers, config.discriminator_width
        )

    def judged(self, maps: tf.Tensor, inside: tf.Tensor) -> tf.Tensor:
        """Logits of the discriminator.

        Args:
            maps: float32 [n, h, w, C], probabilities of the classes.
            inside: float32 [n, h, w], 0 where there is nothing to judge.

        Returns:
            float32 [n, h, w].
        """
        return self.discriminator(maps * inside[..., None], training=True)[..., 0]

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Eq. 1 to 5 of each pixel."""
        config = self.config
        y, known = segmentation_sgd.with_labels(batch["y"], self.facts.num_classes)
        inside = tf.cast(batch["u_confidence"] > 0, tf.float32)
        logits_x, logits_u = segmentation_unlabeled.predict(
            self.network, batch["x"], batch["u"], config.one_pass
        )
        everywhere = tf.concat([known, inside], 0)
        probs = tf.nn.softmax(tf.concat([logits_x, logits_u], 0))
        fake = self.judged(probs, everywhere)
        real = self.judged(y, known)

        fake_x, fake_u = tf.split(fake, [tf.shape(y)[0], -1])
        kept = inside * realness_mask(fake_u, config.realness_threshold)
        weight_adv_u, weight_u = self._weights(batch["step"], kept)
        deceived_x = binary_cross_entropy(tf.ones_like(fake_x), fake_x)
        deceived_u = binary_cross_entropy(tf.ones_like(fake_u), fake_u)
        loss_u = cross_entropy(hard_label(logits_u), logits_u)
        loss_fake = binary_cross_entropy(tf.zeros_like(fake), fake)
        loss_real = binary_cross_entropy(tf.ones_like(real), real)
        own = discriminators.GROUP
        return {
            "loss_x": base.Term(cross_entropy(y, logits_x), known),
            "loss_u": base.Term(loss_u, kept, weight_u),
            "loss_adv": base.Term(deceived_x, known, config.lambda_adv),
            "loss_adv_u": base.Term(deceived_u, inside, weight_adv_u),
            "loss_fake": base.Term(loss_fake, everywhere, 0.5, group=own),
            "loss_real": base.Term(loss_real, known, 0.5, group=own),
        }, {"kept": (kept, inside), "realness": (tf.sigmoid(fake), everywhere)}

    def _weights(self, step: tf.Tensor, kept: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
        """Of the adversarial loss on unlabelled images, and of self-training."""
        config = self.config
        start = round(config.self_training_start * self.facts.steps)
        begun = tf.cast(step >= start, tf.float32)
        weight = tf.constant(config.lambda_adv_u)
        if config.adversary_needs_kept:
            some = mean_of_all(kept, tf.ones_like(kept)) > 0
            weight *= 1 - begun * (1 - tf.cast(some, tf.float32))
        return weight, begun * config.lambda_u
