"""UDA: unsupervised data augmentation for consistency training.

Xie et al. 2020 (arXiv:1904.12848). A network shall say the same of an unlabelled image
and of a strongly augmented copy of it. Defaults are those of the CIFAR-10 and SVHN
experiments (section 4 and the release's `image/`): 100 copies by RandAugment made in
advance, seven unlabelled images for each labelled one.

Batch normalization is the network's own. The release's has a momentum of .9:
`--batch_norm_momentum=0.9` with the wide residual network.
"""

from __future__ import annotations

import dataclasses
from typing import Dict, Tuple

import keras
import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.data.recipe import Recipe
from mixdmt_tf.equations import (
    confidence_mask,
    cross_entropy,
    kl_divergence,
    sharpen_logits,
    tsa_mask,
    tsa_threshold,
)
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config(base.Config):
    """Settings of UDA's image experiments."""

    optimizer: str = setting(
        "sgd",
        "adam, or sgd with momentum (as torch and TensorFlow 1 define it)",
        choices=("adam", "sgd"),
    )
    learning_rate: float = setting(0.03, "learning rate at the start", low=0.0)
    learning_rate_schedule: str = setting(
        "cosine_7_16",
        "cosine_7_16: times cos(7 pi t / 16 T), as UDA and FixMatch; cosine: to zero "
        "at the end of the run",
        choices=("constant", "cosine_7_16", "cosine"),
    )
    nesterov: bool = setting(True, "Nesterov's form of the momentum of sgd")
    weight_decay: float = setting(
        0.0005, "strength of the weight decay, in the form below", low=0.0
    )
    weight_decay_form: str = setting(
        "l2",
        "multiply: kernels times 1 - weight_decay * learning_rate after each step; l2: "
        "weight_decay times the weight is added to the gradient of all weights; "
        "l2_kernels: of kernels (l2 with sgd only)",
        choices=("multiply", "l2", "l2_kernels"),
    )
    ema_decay: float = setting(
        0.9999,
        "decay of the moving average of the weights that is evaluated and exported",
        low=0.0,
        high=1.0,
    )
    lambda_u: float = setting(1.0, "weight of the unlabelled loss", low=0.0)
    unlabeled_ratio: int = setting(
        7, "unlabelled images in a batch for each labelled one", low=1
    )
    temperature: float = setting(
        0.4, "tau, the softmax temperature that sharpens the targets", low=1e-6
    )
    confidence_threshold: float = setting(
        0.8,
        "beta: images of which the unsharpened prediction is not surer do not count; "
        "0: all count",
        low=0.0,
        high=1.0,
    )
    tsa: str = setting(
        "none",
        "schedule of training signal annealing of the labelled images",
        choices=("none", "linear", "log", "exp"),
    )


class Method(base.Algorithm):
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

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """An augmented copy of each unlabelled image, and the image itself."""
        return Recipe(
            unlabeled_views=1,
            unlabeled_ratio=config.unlabeled_ratio,
            original_views=1,
            copies=100,
            copies_augment="randaugment",
        )

    def losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Cross-entropy, and KL(sharpened prediction for the image || for the copy)."""
        config = self.config
        y = tf.one_hot(batch["y"], self.task.num_classes)
        logits_x, logits_original, logits_u = joint_pass(self.network, batch)
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
                **guess_reports(probs, kept, batch["u_truth"]),
            },
        )

    def training_signal(
        self, step: tf.Tensor, labels: tf.Tensor, logits: tf.Tensor
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """Threshold [] and mask [b] of training signal annealing."""
        if self.config.tsa == "none":
            return tf.constant(1.0), tf.ones(tf.shape(labels)[:1])
        steps, classes = self.task.steps, self.task.num_classes
        eta = tsa_threshold(self.config.tsa, step, steps, classes)
        return eta, tsa_mask(labels, logits, eta)


def joint_pass(
    network: keras.Model, batch: Dict[str, tf.Tensor]
) -> Tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Predicts all images of a batch at once, as the releases of UDA and FixMatch do.

    Batch normalization normalizes labelled images, unlabelled ones and their copies by
    the same statistics, and its running statistics move once.

    Args:
        network: images to logits.
        batch: with x [b, H, W, C], u_original [n, 1, H, W, C] and u [n, 1, H, W, C].

    Returns:
        float32 logits [b, classes], [n, classes] and [n, classes] of the three.
    """
    blocks = [batch["x"], batch["u_original"][:, 0], batch["u"][:, 0]]
    logits = network(tf.concat(blocks, 0), training=True)
    return tuple(tf.split(logits, [tf.shape(block)[0] for block in blocks], num=3))


def guess_reports(
    probs: tf.Tensor, kept: tf.Tensor, truth: tf.Tensor
) -> Dict[str, base.Reported]:
    """How sure the guesses are, how many count, how many of those are right.

    Args:
        probs: float32 [n, classes], predictions for the unlabelled images.
        kept: float32 [n] of zeros and ones.
        truth: int32 [n], hidden classes; those below 0 are not judged.

    Returns:
        `kept` and `confidence` over all rows, `guess_accuracy` over those that count
        and have a class; 0 when there are none.
    """
    hits = tf.equal(tf.argmax(probs, -1, tf.int32), truth)
    judged = kept * tf.cast(truth >= 0, tf.float32)
    return {
        "kept": kept,
        "confidence": tf.reduce_max(probs, -1),
        "guess_accuracy": (tf.cast(hits, tf.float32), judged),
    }
