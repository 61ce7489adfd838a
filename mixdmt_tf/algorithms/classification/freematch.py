"""FreeMatch: FixMatch with thresholds that follow how sure the network is.

Wang et al. 2023 (arXiv:2205.07246), section 4. The threshold of a class is the running
mean of the confidence, scaled by how often the class is predicted. Early in training
more images count than with a fixed threshold. A second loss keeps the predictions
spread over the classes. Optimizer, views and numbers of images are FixMatch's.

The running means include the current batch before they are used, as in algorithm 1 and
in the release (microsoft/Semi-supervised-learning). The weight of the second loss
differs between data sets in the paper; the default here is that of the release.
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
    adaptive_thresholds,
    class_fairness,
    class_threshold_mask,
    cross_entropy,
    ema,
    hard_label,
)
from mixdmt_tf.settings import override, setting


@dataclasses.dataclass(frozen=True)
class Config(strong_augmentation.Config):
    """Settings of FreeMatch, sections 4 and 5 and the release."""

    weight_decay_form: str = override("l2_kernels")
    lambda_f: float = setting(
        0.01,
        "w_f, weight of the fairness loss (the release's; its file for CIFAR-10 with "
        "250 labels: 0.001)",
        low=0.0,
    )
    threshold_decay: Optional[float] = setting(
        None,
        "lambda, decay of the running means that the thresholds are made of; default: "
        "0.999, and 1 - 20 / T in a run of fewer than 20,000 steps T, but at least 0.9",
        low=0.0,
        high=1.0,
        by_length=True,
    )
    threshold_cap: float = setting(
        1.0,
        "upper bound of the global threshold (the release's clip_thresh: 0.95)",
        low=0.0,
        high=1.0,
    )

    def for_run(self, steps: int) -> Config:
        """Returns these settings with unset values filled in for the run's length."""
        decay = lengths.running_decay(0.999, steps)
        return lengths.filled_in(super().for_run(steps), threshold_decay=decay)


class FreeMatch(base.Algorithm):
    """FreeMatch, section 4 of Wang et al.

    Attributes:
        confidence: [] tau_t before its cap, running mean of the confidence.
        class_means: [C] p~_t, running means of the probabilities.
        histogram: [C] h~_t, running means of the shares of predicted classes.
    """

    reported: Tuple[str, ...] = (
        "loss_x",
        "loss_u",
        "loss_f",
        "threshold",
        "kept",
        "confidence",
        "guess_accuracy",
    )

    def __init__(self, network, config, facts):
        """Starts all running means from 1/C; arguments as in `base.Algorithm`."""
        super().__init__(network, config, facts)
        uniform = np.full(facts.num_classes, 1 / facts.num_classes, np.float32)
        self.confidence = own_state.running(uniform[0])
        self.class_means = own_state.running(uniform)
        self.histogram = own_state.running(uniform)

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """Returns batches with a strong (copy) and a weak view of unlabelled images."""
        return strong_augmentation.recipe(config, "randaugment_fixmatch")

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Computes L_s, L_u and L_f."""
        config = self.config
        y = tf.one_hot(batch["y"], self.facts.num_classes)
        logits_x, logits_weak, logits_strong = strong_augmentation.joint_pass(
            self.network, batch
        )
        probs = tf.nn.softmax(logits_weak)
        self._move(rows_of_all(probs))
        threshold = tf.minimum(self.confidence, config.threshold_cap)
        thresholds = adaptive_thresholds(threshold, self.class_means)
        kept = class_threshold_mask(probs, thresholds)
        return (
            {
                "loss_x": base.Term(cross_entropy(y, logits_x)),
                "loss_u": base.Term(
                    cross_entropy(hard_label(probs), logits_strong),
                    kept,
                    config.lambda_u,
                    over_all=True,
                ),
                "loss_f": base.Term(
                    self._fairness(tf.nn.softmax(logits_strong), kept),
                    weight=config.lambda_f,
                ),
            },
            {
                "threshold": threshold,
                **strong_augmentation.guess_reports(probs, kept, batch["u_truth"]),
            },
        )

    def _move(self, probs: tf.Tensor) -> None:
        """Updates the running means with the predictions for all weak views."""
        decay = self.config.threshold_decay
        for mean, values in (
            (self.confidence, tf.reduce_max(probs, -1)),
            (self.class_means, probs),
            (self.histogram, hard_label(probs)),
        ):
            mean.assign(ema(mean, tf.reduce_mean(values, 0), decay))

    def _fairness(self, probs: tf.Tensor, kept: tf.Tensor) -> tf.Tensor:
        """Returns rows [n] whose mean over all replicas has L_f's value and gradient.

        L_f is not a mean over rows, but a function of means. It is computed from the
        rows of all replicas, and each row adds its own part of the gradient.
        """
        rows, counted = rows_of_all(probs), rows_of_all(kept)[:, None]
        batch_means = tf.reduce_mean(counted * rows, 0)
        with tf.GradientTape() as tape:
            tape.watch(batch_means)
            value = class_fairness(
                self.class_means,
                self.histogram,
                batch_means,
                tf.reduce_mean(counted * hard_label(rows), 0),
            )
        slope = tape.gradient(value, batch_means)
        moved = tf.reduce_sum(slope * (probs - tf.stop_gradient(probs)), -1)
        return tf.stop_gradient(value) + kept * moved
