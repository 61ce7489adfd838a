"""Temporal ensembling: each image remembers what was predicted for it before.

Laine and Aila 2017 (arXiv:1610.02242), algorithm 2. The Pi-model with one view instead
of two: the target is an average of the predictions for this image in all epochs so far,
Z <- alpha Z + (1 - alpha) z, divided by 1 - alpha^t.

The paper updates Z at the end of each epoch. Here it is updated at once, since batches
contain every image once per epoch, and the average of an image is not used before the
image occurs again. t is the number of times that this image occurred. An image that
occurs twice in a batch, at the border of two epochs, counts once, with the mean of both
predictions. An image that has not occurred yet has no target: its loss is 0, like that
of the whole first epoch in the paper, where the weight w(t) is still 0.

Settings and details are those of `pi_model.py` with two exceptions: the weight grows as
exp(-5 (1 - t)^2) over 80 of 300 epochs, and is the w_max of the paper. In the paper,
w_max M/N multiplies a mean over all N images, and the cross-entropy is also divided by
N. Here each loss is a mean over its own images, and the factor M/N of both cancels.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict

import numpy as np
import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import consistency, own_state
from mixdmt_tf.algorithms.parts.terms import rows_of_all
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import (
    ema,
    sigmoid_ramp,
    squared_error,
    unbiased_average,
)
from mixdmt_tf.settings import override, setting


@dataclasses.dataclass(frozen=True)
class Config(consistency.Config):
    """Settings of temporal ensembling, section 2.2, appendix A and the release."""

    warmup: float = override(
        0.2667,
        "share of the run over which lambda_u grows as exp(-5 (1 - t)^2) (80 of 300 "
        "epochs); 0: no growth",
    )
    lambda_u: float = setting(
        30.0, "w_max: weight of the unlabelled loss after its warm-up", low=0.0
    )
    ensemble_decay: float = setting(
        0.6,
        "alpha of algorithm 2: decay of the average of an image's predictions",
        low=0.0,
        high=0.9999,
    )


class TemporalEnsembling(consistency.Frame):
    """Temporal ensembling, algorithm 2 of Laine and Aila.

    Attributes:
        ensemble: float32 [N, C], the average Z of every unlabelled image.
        shown: float32 [N], number of predictions in each average.
    """

    def __init__(self, network, config, facts):
        """Starts with empty averages; arguments as in `base.Algorithm`.

        Raises:
            ValueError: if `facts` has no number of unlabelled images.
        """
        super().__init__(network, config, facts)
        if not facts.unlabeled:
            raise ValueError("temporal ensembling needs RunFacts(unlabeled=N)")
        shape = facts.unlabeled, facts.num_classes
        self.ensemble = own_state.running(np.zeros(shape, np.float32))
        self.shown = own_state.running(np.zeros(shape[0], np.float32))

    @classmethod
    def recipe(cls, config: Any) -> Recipe:
        """A view of each unlabelled image, and which image it is."""
        return Recipe(unlabeled_views=1, indices=True)

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Cross-entropy, and the squared distance from the image's own past."""
        loss_x = self.loss_x(batch)
        z = tf.nn.softmax(self.predict(batch["u"][:, 0]))
        places = batch["u_index"]
        times = tf.gather(self.shown, places)
        target = unbiased_average(
            tf.gather(self.ensemble, places), self.config.ensemble_decay, times
        )
        self._remember(rows_of_all(z), rows_of_all(places))
        shown = times > 0  # the others have no target yet
        lambda_u = self.lambda_u(batch["step"])
        truth = tf.where(shown, batch["u_truth"], -1)
        reports = self.reports(target, {**batch, "u_truth": truth})
        reports["guess_confidence"] = (reports["guess_confidence"], shown)
        return (
            {
                "loss_x": loss_x,
                "loss_u": base.Term(
                    squared_error(target, z),
                    tf.cast(shown, tf.float32),
                    lambda_u,
                    over_all=True,
                ),
            },
            {"lambda_u": lambda_u, **reports},
        )

    def lambda_u(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the weight of the unlabelled loss at a step: w(t) of section 2."""
        config: Any = self.config
        length = round(config.warmup * self.facts.steps)
        return config.lambda_u * sigmoid_ramp(step, length)

    def _remember(self, z: tf.Tensor, places: tf.Tensor) -> None:
        """Updates the averages with predictions [n, C] for the images at places [n]."""
        size = self.facts.unlabeled
        ones = tf.ones_like(z[:, 0])
        counts = tf.math.unsorted_segment_sum(ones, places, size)
        sums = tf.math.unsorted_segment_sum(z, places, size)
        now = tf.math.divide_no_nan(sums, counts[:, None])
        moved = ema(self.ensemble, now, self.config.ensemble_decay)
        self.ensemble.assign(tf.where(counts[:, None] > 0, moved, self.ensemble))
        self.shown.assign_add(tf.cast(counts > 0, tf.float32))
