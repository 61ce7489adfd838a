"""s4GAN: a discriminator that sees the image beside the class map.

Mittal, Tatarchenko and Brox (arXiv:1908.05724), and their release; DMT
(arXiv:2004.08514) compares with s4GAN + MLMT in tables 4 and 6, of which MLMT is a
method of its own here. A discriminator says of a whole image whether its class map is a
label map or predicted. The network matches the discriminator's mean features of
predicted maps with those of label maps (L_fm), and learns its own classes of
whole unlabelled images of which the discriminator is convinced (L_st). It is not
asked to deceive the discriminator.

What differs from the release:

- Label maps that the discriminator sees are those of the batch. The release reads other
  labelled images for it.
- One pass of the discriminator serves all losses: dropout drops the same maps in all of
  them.
- Images are scaled to 0 to 1 for the discriminator by their range, not by that of the
  values in the batch.
- What lies beside an unlabelled image learns nothing, and is zero in its class map, as
  it is in label maps.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import (
    discriminators,
    segmentation_sgd,
    segmentation_unlabeled,
)
from mixdmt_tf.algorithms.parts.terms import mean_row
from mixdmt_tf.equations import (
    binary_cross_entropy,
    cross_entropy,
    feature_matching,
    hard_label,
    realness_mask,
)
from mixdmt_tf.models.discriminators import image_discriminator
from mixdmt_tf.settings import override, setting

assumes = {"batch": 8}  # with as many unlabelled images


@dataclasses.dataclass(frozen=True)
class Config(
    segmentation_unlabeled.Passes,
    discriminators.Discriminator,
    segmentation_unlabeled.Batches,
    segmentation_unlabeled.Unlabeled,
    segmentation_sgd.Defaults,
    base.Config,
):
    """Settings of the release for PASCAL VOC."""

    learning_rate: float = override(0.00025)
    epochs: float = override(34.6, "40,000 steps with 1/8 of the labels")
    lambda_u: float = override(1.0, "lambda_st: of the self-training")
    lambda_fm: float = setting(0.1, "weight of the feature matching", low=0.0)
    realness_threshold: float = setting(
        0.6,
        "gamma: images that the discriminator takes for real with more than this "
        "probability are trained on their predicted classes (Cityscapes: 0.7)",
        low=0.0,
        high=1.0,
    )
    self_training_start: float = setting(
        0.0,
        "share of the run after which self-training begins, in the second step at the "
        "earliest",
        low=0.0,
        high=1.0,
    )
    discriminator_layers: int = override(4)
    discriminator_dropout: float = setting(
        0.5,
        "share of the discriminator's maps that are dropped after each convolution but "
        "the last",
        low=0.0,
        high=0.99,
    )


class S4GAN(discriminators.Opposed):
    """The lower branch of Mittal et al.

    Attributes:
        discriminator: from class maps and images to features and a logit, 1 for true.
    """

    reported = (
        "loss_x",
        "loss_u",
        "loss_fm",
        "loss_fake",
        "loss_real",
        "kept",
        "realness",
    )

    def __init__(self, network: Any, config: Config, facts: base.RunFacts):
        """Makes the discriminator; arguments of `base.Algorithm`."""
        super().__init__(network, config, facts)
        config.require_crop(network.output_shape[1:3])
        self.discriminator = image_discriminator(
            facts.num_classes,
            config.discriminator_layers,
            config.discriminator_width,
            config.discriminator_dropout,
            network.input_shape[-1],
        )

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Of both networks; an image without a known pixel takes no part."""
        config = self.config
        y, known = segmentation_sgd.with_labels(batch["y"], self.facts.num_classes)
        inside = tf.cast(batch["u_confidence"] > 0, tf.float32)
        images = tf.concat([batch["x"], batch["u"]], 0)
        rows = [tf.shape(y)[0], -1]
        logits_x, logits_u = segmentation_unlabeled.predict(
            self.network, batch["x"], batch["u"], config.one_pass
        )

        maps = tf.concat([y, tf.nn.softmax(logits_u) * inside[..., None]], 0)
        features, realness = self.discriminator([maps, images], training=True)
        true, predicted = tf.split(features, rows)
        real, fake = tf.split(realness[:, 0], rows)
        with_x, with_u = (tf.reduce_max(each, [1, 2]) for each in (known, inside))

        # One number for the batch, of which every replica has its share.
        distance = feature_matching(
            mean_row(true, with_x), mean_row(predicted, with_u)
        )[None]
        both = mean_row(with_x[:, None], with_x) * mean_row(with_u[:, None], with_u)
        kept = with_u * realness_mask(fake, config.realness_threshold)
        start = max(round(config.self_training_start * self.facts.steps), 1)
        begun = tf.cast(batch["step"] >= start, tf.float32)
        loss_u = cross_entropy(hard_label(logits_u), logits_u)
        loss_fake = binary_cross_entropy(tf.zeros_like(fake), fake)
        loss_real = binary_cross_entropy(tf.ones_like(real), real)
        own = discriminators.GROUP
        return {
            "loss_x": base.Term(cross_entropy(y, logits_x), known),
            "loss_u": base.Term(
                loss_u, inside * kept[:, None, None], begun * config.lambda_u
            ),
            "loss_fm": base.Term(distance, both, config.lambda_fm),
            "loss_fake": base.Term(loss_fake, with_u, 0.5, group=own),
            "loss_real": base.Term(loss_real, with_x, 0.5, group=own),
        }, {"kept": (kept, with_u), "realness": (tf.sigmoid(fake), with_u)}
