"""ReMixMatch: MixMatch with distribution alignment, anchoring and a rotation loss.

Berthelot et al. 2020 (arXiv:1911.09785), section 3. The guessed label is predicted from
one weak view, aligned to the class distribution of the labels, and sharpened. It is the
target of K strong views ("augmentation anchoring"). Besides the loss on mixed images
there are two on images that are not mixed: the cross-entropy of the first strong view
with the guess, and that of predicting the rotation of a rotated image.

Differences from the release: Strong views use RandAugment instead of CTAugment, which
learns its strengths (`--augment`; FixMatch finds both equally good). Both distributions
of the alignment are means over the last 128 batches; the release knows that of the
labels. A quarter of the images each is rotated by 0, 90, 180 and 270 degrees: row i by
90 (i mod 4) degrees, since images come in random order (of a part of a batch with fewer
than four rows, as `--accumulate` or several devices may have, only the first ones). The
layer that classifies rotations starts from zeros, as there is no symmetry to break.
Running statistics are those of the first pass, a sample of all kinds of rows; the
release takes those of its last pass, which is mostly the last strong view.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, List, Optional, Tuple

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf import lengths
from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.classification import mixmatch
from mixdmt_tf.algorithms.parts import own_state
from mixdmt_tf.algorithms.parts.consistency import guess_reports
from mixdmt_tf.algorithms.parts.terms import rows_of_all
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import (
    align_distribution,
    cross_entropy,
    linear_ramp,
    mix,
    sharpen,
)
from mixdmt_tf.errors import UsageError
from mixdmt_tf.models.features import with_features
from mixdmt_tf.models.layers.normalization import frozen_statistics
from mixdmt_tf.settings import setting

ROTATIONS = 4
BATCHES = 128  # over which the distributions of the alignment are averaged


@dataclasses.dataclass(frozen=True)
class Config(base.Config):
    """Settings of ReMixMatch, section 3.3 and the release's run files."""

    strong_views: int = setting(
        8,
        "K, strongly augmented views that are trained on the guessed label (CIFAR-10 "
        "with 40 labels: 1)",
        low=1,
        high=64,
    )
    augment: str = setting(
        "randaugment_fixmatch",
        "augmentation of the strong views, those of labelled images included",
        choices=(
            "randaugment_fixmatch",
            "randaugment",
            "autoaugment",
            "autoaugment_svhn",
            "cutout",
            "none",
        ),
    )
    alignment: bool = setting(
        True,
        "scale guesses so that their class distribution becomes that of the labels",
    )
    temperature: float = setting(0.5, "T of the sharpening; 1: no sharpening", low=1e-6)
    mixup_beta: float = setting(
        0.75, "both parameters of MixUp's Beta distribution", low=1e-3
    )
    lambda_u: float = setting(
        1.5, "weight of the mixed unlabelled images after the ramp", low=0.0
    )
    lambda_s: float = setting(
        0.5,
        "weight of the first strong view, not mixed, after the ramp (the paper's "
        "lambda of U^_1)",
        low=0.0,
    )
    lambda_r: float = setting(
        0.5, "weight of the rotation loss (CIFAR-10 with 40 labels: 2)", low=0.0
    )
    lambda_u_ramp: Optional[int] = setting(
        None,
        "steps over which lambda_u and lambda_s grow linearly from 0; default: 16,384, "
        "or sqrt(16,384 T) in a run of fewer steps T, which ends below them (CIFAR-10 "
        "with 40 labels: 131,072)",
        low=0,
        by_length=True,
    )
    interleave: bool = setting(
        True,
        "mix labelled and unlabelled rows in each pass, so that batch normalization "
        "sees both",
    )

    def for_run(self, steps: int) -> Config:
        """Returns these settings with unset values filled in for the run's length."""
        ramp = lengths.lambda_u_ramp(steps)
        return lengths.filled_in(super().for_run(steps), lambda_u_ramp=ramp)


class ReMixMatch(mixmatch.MixMatch):
    """ReMixMatch, algorithm 1 of Berthelot et al.

    Attributes:
        rotation: the layer that maps features to the logits of four rotations.
        predicted: float32 [128, C], mean predictions for the last batches.
        labeled: float32 [128, C], class shares of the last batches' labels.
    """

    several_labels = False  # distributions are those of classes
    reported: Tuple[str, ...] = (
        "loss_x",
        "loss_u",
        "loss_s",
        "loss_r",
        "lambda_u",
        "guess_confidence",
        "guess_accuracy",
        "rotation_accuracy",
    )

    def __init__(self, network, config, facts):
        """Starts from uniform distributions; arguments as in `base.Algorithm`.

        Raises:
            UsageError: if images are not square, and so can't be rotated.
        """
        # Its rate is that of new layers, not that of layers with published weights.
        new = tuple(dict.fromkeys((*facts.decoder, "rotation")))  # if it was loaded
        super().__init__(network, config, dataclasses.replace(facts, decoder=new))
        height, width = network.input_shape[1:3]
        if height != width:
            raise UsageError(
                "--algorithm=remixmatch rotates images by 90 degrees, but these have "
                f"{height}x{width} pixels; expected square images.\n"
                "Crop or resize the images, or use another method, such as fixmatch."
            )
        self.with_features = with_features(network)
        width = self.with_features.outputs[0].shape[-1]
        self.rotation = keras.layers.Dense(
            ROTATIONS, kernel_initializer="zeros", dtype="float32", name="rotation"
        )
        self.rotation(keras.Input((width,)))  # unlike `build`, this names the weights
        classes = facts.num_classes
        uniform = np.full((BATCHES, classes), 1 / classes, np.float32)
        self.predicted = own_state.running(uniform)
        self.labeled = own_state.running(uniform)

    @property
    def trained_weights(self) -> List[Any]:
        """The weights of the network, then of the layer for rotations."""
        return [*super().trained_weights, *self.rotation.trainable_variables]

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """Returns batches with K strong and one weak unlabelled view, all mixed."""
        views = config.strong_views
        return Recipe(
            unlabeled_views=views,
            original_views=1,
            mixup_groups=(2 + views,),
            mixup_beta=config.mixup_beta,
            augment=config.augment,
            weak_originals=True,
        )

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Computes equations 3 and 4, four cross-entropies."""
        config = self.config
        y = tf.one_hot(batch["y"], self.facts.num_classes)
        weak, strong = batch["u_original"][:, 0], tf.unstack(batch["u"], axis=1)
        with frozen_statistics(self.network):
            p = tf.stop_gradient(tf.nn.softmax(self.network(weak, training=True)))
            logits_s = self.network(strong[0], training=True)
        q = sharpen(self._aligned(p, y), config.temperature)

        own_images = tf.concat([batch["x"], *strong, weak], 0)
        own_labels = tf.concat([y] + [q] * (len(strong) + 1), 0)
        partner, lam = batch["partner"], batch["lam"]
        images = mix(own_images, tf.gather(own_images, partner), lam)
        labels = mix(own_labels, tf.gather(own_labels, partner), lam)
        logits_x, logits_u = self.forward(images, blocks=2 + len(strong))
        labels_x, labels_u = tf.split(labels, [tf.shape(y)[0], -1])

        rotations, logits_r = self._rotated(strong[0])
        right = tf.equal(tf.argmax(logits_r, -1), tf.argmax(rotations, -1))
        ramp = linear_ramp(batch["step"], config.lambda_u_ramp)
        lambda_u = ramp * config.lambda_u
        return (
            {
                "loss_x": base.Term(cross_entropy(labels_x, logits_x)),
                "loss_u": base.Term(cross_entropy(labels_u, logits_u), weight=lambda_u),
                "loss_s": base.Term(
                    cross_entropy(q, logits_s), weight=ramp * config.lambda_s
                ),
                "loss_r": base.Term(
                    cross_entropy(rotations, logits_r), weight=config.lambda_r
                ),
            },
            {
                "lambda_u": lambda_u,
                "rotation_accuracy": tf.cast(right, tf.float32),
                **guess_reports(p, batch["u_truth"]),
            },
        )

    def _aligned(self, p: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        """Aligns guesses [n, C] to the class distribution of the labels.

        The current batch affects the distributions from the next step on, as in the
        release.
        """
        aligned = p
        if self.config.alignment:
            wanted = tf.reduce_mean(self.labeled, 0)
            aligned = align_distribution(p, wanted, tf.reduce_mean(self.predicted, 0))
        for buffer, rows in ((self.predicted, p), (self.labeled, y)):
            newest = tf.reduce_mean(rows_of_all(rows), 0, keepdims=True)
            buffer.assign(tf.concat([buffer[1:], newest], 0))
        return aligned

    def _rotated(self, images: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
        """Rotates square images [n, H, H, C] and predicts their rotations.

        Returns:
            One-hot rotations and logits, both float32 [n, 4].
        """
        quarters = tf.range(tf.shape(images)[0]) % ROTATIONS
        turned = [tf.image.rot90(images, k) for k in range(ROTATIONS)]
        images = tf.gather(tf.stack(turned, 1), quarters, axis=1, batch_dims=1)
        with frozen_statistics(self.network):
            features, _ = self.with_features(images, training=True)
        return tf.one_hot(quarters, ROTATIONS), self.rotation(features)
