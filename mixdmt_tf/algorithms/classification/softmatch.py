"""SoftMatch: FixMatch with a weight for each guess in place of a threshold.

Chen et al. 2023 (arXiv:2301.10921), section 3. Pseudo labels with at least the average
confidence have weight 1. Less confident ones have less, by a Gaussian whose mean and
variance follow the confidence of the network. Confidence is measured after aligning the
predictions to the uniform distribution, so that pseudo labels of a rare class get more
weight; the pseudo label itself is not aligned. Optimizer, views and numbers of images
are FixMatch's.

As in algorithm 1, the running means include the current batch before they are used.
Mean and variance are those of the aligned confidence, as in the release
(microsoft/Semi-supervised-learning); equation 6 uses predictions that are not aligned.
No equation halves sigma (`--sigmas=1`), but the paper's experiments (section 4.1,
'divide the estimated variance by 4') and the release do, and so does the default here.
"""

from __future__ import annotations

import dataclasses
from typing import Dict, Optional, Tuple

import numpy as np
import tensorflow as tf

from mixdmt_tf import lengths
from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import own_state, strong_augmentation
from mixdmt_tf.algorithms.parts.terms import rows_of_all
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import (
    align_distribution,
    cross_entropy,
    ema,
    hard_label,
    truncated_gaussian,
)
from mixdmt_tf.settings import override, setting


@dataclasses.dataclass(frozen=True)
class Config(strong_augmentation.Config):
    """Settings of SoftMatch, section 3 and the release."""

    weight_decay_form: str = override("l2_kernels")
    statistics_decay: Optional[float] = setting(
        None,
        "m, decay of the running mean and variance of the confidence, and of the "
        "running class means of the alignment; default: 0.999, and 1 - 20 / T in a run "
        "of fewer than 20,000 steps T, but at least 0.9",
        low=0.0,
        high=1.0,
        by_length=True,
    )
    sigmas: float = setting(
        2.0,
        "n of exp(-(c - mu)^2 n^2 / (2 sigma^2)); the paper's equations have 1, its "
        "experiments (section 4.1) and the release 2",
        low=0.0,
    )
    uniform_alignment: bool = setting(
        True, "align predictions to the uniform distribution before they are weighed"
    )

    def for_run(self, steps: int) -> Config:
        """Returns these settings with unset values filled in for the run's length."""
        decay = lengths.running_decay(0.999, steps)
        return lengths.filled_in(super().for_run(steps), statistics_decay=decay)


class SoftMatch(base.Algorithm):
    """SoftMatch, section 3 of Chen et al.

    Attributes:
        mean: [] mu_t, running mean of the confidence.
        variance: [] sigma_t^2, its running variance.
        class_means: [C], running means of the probabilities; zeros until the first step
            sets them to the means of its batch.
    """

    reported: Tuple[str, ...] = (
        "loss_x",
        "loss_u",
        "mean",
        "deviation",
        "kept",
        "confidence",
        "guess_accuracy",
    )

    def __init__(self, network, config, facts):
        """Starts from mean 1/C and variance 1; arguments as in `base.Algorithm`."""
        super().__init__(network, config, facts)
        self.mean = own_state.running(np.float32(1 / facts.num_classes))
        self.variance = own_state.running(np.float32(1))
        self.class_means = own_state.running(np.zeros(facts.num_classes, np.float32))

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """Returns batches with a strong (copy) and a weak view of unlabelled images."""
        return strong_augmentation.recipe(config, "randaugment_fixmatch")

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Computes cross-entropies; those of pseudo labels are weighted."""
        config = self.config
        y = tf.one_hot(batch["y"], self.facts.num_classes)
        logits_x, logits_weak, logits_strong = strong_augmentation.joint_pass(
            self.network, batch
        )
        probs = tf.nn.softmax(logits_weak)
        confidence = tf.reduce_max(self._aligned(probs), -1)
        self._move(rows_of_all(confidence))
        weights = truncated_gaussian(
            confidence, self.mean, self.variance, config.sigmas
        )
        reports = strong_augmentation.guess_reports(probs, weights, batch["u_truth"])
        return (
            {
                "loss_x": base.Term(cross_entropy(y, logits_x)),
                "loss_u": base.Term(
                    weights * cross_entropy(hard_label(probs), logits_strong),
                    weight=config.lambda_u,
                ),
            },
            {"mean": self.mean, "deviation": tf.sqrt(self.variance), **reports},
        )

    def _aligned(self, probs: tf.Tensor) -> tf.Tensor:
        """Returns the predictions [n, C] whose confidence determines the weights."""
        if not self.config.uniform_alignment:
            return tf.stop_gradient(probs)
        now = tf.reduce_mean(rows_of_all(probs), 0)
        moved = ema(self.class_means, now, self.config.statistics_decay)
        started = tf.reduce_sum(self.class_means) > 0
        self.class_means.assign(tf.where(started, moved, now))
        return align_distribution(
            probs, tf.ones_like(now) / self.facts.num_classes, self.class_means
        )

    def _move(self, confidence: tf.Tensor) -> None:
        """Updates mean and (unbiased) variance with the confidence of all rows."""
        decay = self.config.statistics_decay
        rows = tf.cast(tf.size(confidence), tf.float32)
        variance = (
            tf.math.reduce_variance(confidence) * rows / tf.maximum(rows - 1, 1.0)
        )
        self.mean.assign(ema(self.mean, tf.reduce_mean(confidence), decay))
        self.variance.assign(ema(self.variance, variance, decay))
