"""mixup for semi-supervised learning: mixtures of images should have mixed labels.

Zhang, Cisse, Dauphin and Lopez-Paz 2018 (arXiv:1710.09412) mix labelled images. The
MixMatch release, which the settings follow, also mixes unlabelled images with each
other, with the network's predictions as labels. It uses max(lam, 1 - lam), drawn for
each image, while the paper uses one lam for the batch. Partners are a random
permutation. The release reverses the batch, which is equally random, since batches are
shuffled.
"""

from __future__ import annotations

import dataclasses
from typing import Dict, Optional

import tensorflow as tf

from mixdmt_tf import lengths
from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import consistency
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import cross_entropy, mix
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config(base.Config):
    """Settings of the MixMatch release for CIFAR-10."""

    lambda_u: float = setting(
        1.0,
        "weight of the loss on mixed unlabelled images after its warm-up; 0: the "
        "supervised mixup of Zhang et al. section 2",
        low=0.0,
    )
    warmup: Optional[float] = setting(
        None,
        "share of the run over which lambda_u grows linearly from 0; default: 0, as in "
        "the release, or 1 in runs of fewer than 20,000 steps, in which the first "
        "guesses would count too much",
        low=0.0,
        high=1.0,
        by_length=True,
    )
    mixup_beta: float = setting(
        0.75,
        "alpha of Zhang et al. section 2, both parameters of the Beta distribution "
        "(SVHN: 0.25)",
        low=1e-3,
    )

    def for_run(self, steps: int) -> Config:
        """Returns these settings with unset values filled in for the run's length."""
        warmup = lengths.mixup_warmup(steps)
        return lengths.filled_in(super().for_run(steps), warmup=warmup)


class MixUp(consistency.Frame):
    """mixup, section 2 of Zhang et al., on labelled and on unlabelled images."""

    reported = ("loss_x", "loss_u", "guess_confidence", "guess_accuracy")
    several_labels = True

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """Returns batches with one unlabelled view; x and u are mixed separately."""
        return Recipe(1, mixup_groups=(1, 1), mixup_beta=config.mixup_beta)

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Computes cross-entropies of mixed labelled and mixed unlabelled images."""
        x, y = batch["x"], tf.one_hot(batch["y"], self.facts.num_classes)
        u = tf.squeeze(batch["u"], 1)
        q = self.guess(u)

        own_images, own_labels = tf.concat([x, u], 0), tf.concat([y, q], 0)
        partner_images = tf.gather(own_images, batch["partner"])
        partner_labels = tf.gather(own_labels, batch["partner"])
        images_x, images_u = tf.split(mix(own_images, partner_images, batch["lam"]), 2)
        labels_x, labels_u = tf.split(mix(own_labels, partner_labels, batch["lam"]), 2)

        logits_x = self.network(images_x, training=True)
        logits_u = self.predict(images_u)
        return (
            {
                "loss_x": base.Term(cross_entropy(labels_x, logits_x)),
                "loss_u": base.Term(
                    cross_entropy(labels_u, logits_u),
                    weight=self.lambda_u(batch["step"]),
                ),
            },
            self.reports(q, batch),
        )
