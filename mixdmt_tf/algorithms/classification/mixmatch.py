"""MixMatch: guess labels, sharpen, mix everything with everything.

Berthelot et al. 2019 (arXiv:1905.02249), algorithm 1. RealMix (`realmix.py`) adds
augmented copies, training signal annealing and out-of-distribution masking.
"""

from __future__ import annotations

import dataclasses
from typing import Dict, List, Optional, Tuple

import tensorflow as tf

from mixdmt_tf import lengths
from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts.consistency import guess_reports
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import (
    cross_entropy,
    guess_label,
    interleave,
    linear_ramp,
    mix,
    sharpen,
    squared_error,
)
from mixdmt_tf.models.layers.normalization import frozen_statistics
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config(base.Config):
    """Settings of MixMatch, section 4 and the release's run files."""

    lambda_u: float = setting(
        75.0, "weight of the unlabelled loss after its ramp (SVHN: 250)", low=0.0
    )
    lambda_u_ramp: Optional[int] = setting(
        None,
        "steps over which lambda_u grows linearly from 0; default: 16,384, or "
        "sqrt(16,384 T) in a run of fewer steps T, which ends below lambda_u",
        low=0,
        by_length=True,
    )
    guesses: int = setting(
        2, "K, augmentations whose predictions are averaged", low=1, high=64
    )
    temperature: float = setting(
        0.5, "T of the sharpening; 1: no sharpening (RealMix equation 3)", low=1e-6
    )
    mixup_beta: float = setting(
        0.75, "both parameters of MixUp's Beta distribution", low=1e-3
    )
    mixup: str = setting(
        "joint",
        "joint: partners from labelled and unlabelled rows together (both releases); "
        "separate: labelled with labelled (the RealMix paper's wording)",
        choices=("joint", "separate"),
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


@dataclasses.dataclass(frozen=True)
class Mixed:
    """The inputs of the losses in algorithm 1 of both papers.

    With b labelled rows and K views: p [b, C] are the guesses before sharpening; views
    [K, b, ...] are the outputs from which they were guessed, see `guess`; labels_x and
    logits_x [b, C] belong to the mixed labelled rows, labels_u and logits_u [K b, C] to
    the mixed unlabelled ones, first views first. For multi-label images, shapes are
    [..., L, 2] instead of [..., C], and known_u is 1 where the label of the partner is
    known, float32 [K b, L] of zeros and ones; otherwise it is None.
    """

    p: tf.Tensor
    views: tf.Tensor
    labels_x: tf.Tensor
    logits_x: tf.Tensor
    labels_u: tf.Tensor
    logits_u: tf.Tensor
    known_u: Optional[tf.Tensor] = None


class MixMatch(base.Algorithm):
    """MixMatch, algorithm 1."""

    reported: Tuple[str, ...] = (
        "loss_x",
        "loss_u",
        "lambda_u",
        "guess_confidence",
        "guess_accuracy",
    )
    several_labels = True

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """Returns batches with K unlabelled views, and MixUp draws for 1 + K blocks."""
        views = config.guesses
        groups = (1 + views,) if config.mixup == "joint" else (1, views)
        return Recipe(views, mixup_groups=groups, mixup_beta=config.mixup_beta)

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Computes equations 3 to 5 of MixMatch."""
        mixed = self.mixed_up(batch)
        probs_u = tf.nn.softmax(mixed.logits_u)
        lambda_u = self.lambda_u(batch["step"])
        return (
            {
                "loss_x": base.Term(cross_entropy(mixed.labels_x, mixed.logits_x)),
                "loss_u": base.Term(
                    squared_error(mixed.labels_u, probs_u), mixed.known_u, lambda_u
                ),
            },
            {"lambda_u": lambda_u, **guess_reports(mixed.p, batch["u_truth"])},
        )

    def mixed_up(self, batch: Dict[str, tf.Tensor]) -> Mixed:
        """Guesses, sharpens, mixes and predicts: algorithm 1 up to the losses."""
        x, y = batch["x"], tf.one_hot(batch["y"], self.facts.num_classes)
        u = tf.unstack(batch["u"], axis=1)  # K times [b, H, W, C]

        # One guess per image, shared by its K views.
        p, outputs = self.guess(u)  # [b, C]
        q = sharpen(p, self.config.temperature)

        # Every row is mixed with its partner row.
        own_images, own_labels = tf.concat([x, *u], 0), tf.concat([y] + [q] * len(u), 0)
        partner_images = tf.gather(own_images, batch["partner"])
        partner_labels = tf.gather(own_labels, batch["partner"])
        images = mix(own_images, partner_images, batch["lam"])
        labels = mix(own_labels, partner_labels, batch["lam"])

        logits_x, logits_u = self.forward(images, blocks=1 + len(u))
        labels_x, labels_u = tf.split(labels, [tf.shape(y)[0], -1])
        known_u = None
        if y.shape.rank > 2:  # unknown labels are mixed in as zeros
            known = tf.reduce_sum(own_labels, -1)
            known_u = tf.gather(known, batch["partner"])[tf.shape(y)[0] :]
            known_u = tf.cast(known_u > 0, tf.float32)
        return Mixed(p, outputs, labels_x, logits_x, labels_u, logits_u, known_u)

    def lambda_u(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the weight of the unlabelled loss at a step."""
        return self.config.lambda_u * linear_ramp(step, self.config.lambda_u_ramp)

    def guess(self, views: List[tf.Tensor]) -> Tuple[tf.Tensor, tf.Tensor]:
        """Averages the predictions over the views, without gradient.

        Algorithm 1, line 7. There is one pass per view in training mode with the raw
        weights; none of them updates batch normalization's running statistics.

        Returns:
            The guess, float32 [b, C], and the logits of the views, float32 [K, b, C].
        """
        with frozen_statistics(self.network):
            logits = tf.stack([self.network(view, training=True) for view in views])
        return guess_label(tf.nn.softmax(logits)), logits

    def forward(self, images: tf.Tensor, blocks: int) -> Tuple[tf.Tensor, tf.Tensor]:
        """Returns the logits of the labelled block and of all unlabelled blocks.

        The blocks are interleaved so that each pass contains labelled and unlabelled
        rows. Only the first pass updates batch normalization's running statistics.

        Args:
            images: float32 [blocks b, H, W, C], the labelled block first.
            blocks: number of blocks.

        Returns:
            float32 [b, C] and [(blocks - 1) b, C].
        """
        batches = tf.split(images, blocks)
        if self.config.interleave:
            batches = interleave(batches)
        logits = [self.network(batches[0], training=True)]
        with frozen_statistics(self.network):
            logits += [self.network(batch, training=True) for batch in batches[1:]]
        if self.config.interleave:
            logits = interleave(logits)  # it is its own inverse
        return logits[0], tf.concat(logits[1:], 0)
