"""UDA: unsupervised data augmentation for consistency training.

Xie et al. 2020 (arXiv:1904.12848). The network is trained to predict the same for an
unlabelled image and a strongly augmented copy of it. Defaults are those of the CIFAR-10
and SVHN experiments (section 4 and the release's `image/`): 100 precomputed RandAugment
copies, seven unlabelled images for each labelled one.

Batch normalization is the network's own. The release's has a momentum of .9:
`--batch_norm_momentum=0.9` with the wide residual network.
"""

from __future__ import annotations

import dataclasses
from typing import Dict, Tuple

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import strong_augmentation
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import (
    confidence_mask,
    cross_entropy,
    kl_divergence,
    sharpen_logits,
    tsa_mask,
    tsa_threshold,
)
from mixdmt_tf.settings import override, setting


@dataclasses.dataclass(frozen=True)
class Config(strong_augmentation.Config):
    """Settings of UDA's image experiments."""

    ema_decay: float = override(0.9999)
    temperature: float = setting(
        0.4, "tau, the softmax temperature that sharpens the targets", low=1e-6
    )
    confidence_threshold: float = setting(
        0.8,
        "beta: images whose unsharpened prediction has no larger probability do not "
        "count; 0: all count",
        low=0.0,
        high=1.0,
    )
    tsa: str = setting(
        "none",
        "schedule of training signal annealing of the labelled images",
        choices=("none", "linear", "log", "exp"),
    )


class UDA(base.Algorithm):
    """UDA, equation 1 with masking, sharpening and training signal annealing."""

    reported: Tuple[str, ...] = (
        "loss_x",
        "loss_u",
        "tsa_threshold",
        "tsa_kept",
        "kept",
        "confidence",
        "guess_accuracy",
    )
    several_labels = True

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """Returns batches with each unlabelled image and an augmented copy of it."""
        return strong_augmentation.recipe(config, "randaugment")

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Computes cross-entropy, and KL(sharpened prediction of image || of copy)."""
        config = self.config
        y = tf.one_hot(batch["y"], self.facts.num_classes)
        logits_x, logits_original, logits_u = strong_augmentation.joint_pass(
            self.network, batch
        )
        eta, tsa = self.training_signal(batch["step"], y, logits_x)

        target = sharpen_logits(logits_original, config.temperature)
        probs = tf.nn.softmax(logits_original)
        kept = confidence_mask(probs, config.confidence_threshold)
        return (
            {
                "loss_x": base.Term(cross_entropy(y, logits_x), tsa),
                "loss_u": base.Term(
                    kl_divergence(target, logits_u),
                    kept,
                    config.lambda_u,
                    over_all=True,
                ),
            },
            {
                "tsa_threshold": eta,
                "tsa_kept": tsa,
                **strong_augmentation.guess_reports(probs, kept, batch["u_truth"]),
            },
        )

    def training_signal(
        self, step: tf.Tensor, labels: tf.Tensor, logits: tf.Tensor
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """Returns threshold [] and mask [b] of training signal annealing."""
        if self.config.tsa == "none":
            return tf.constant(1.0), tf.ones(tf.shape(labels)[:-1])
        steps, classes = self.facts.steps, self.facts.num_classes
        eta = tsa_threshold(self.config.tsa, step, steps, classes)
        return eta, tsa_mask(labels, logits, eta)
