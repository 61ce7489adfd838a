"""What methods for images share whose averaged weights teach the network."""

from __future__ import annotations

import dataclasses
from typing import Any, Optional, Tuple

import tensorflow as tf

from mixdmt_tf import lengths
from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import segmentation_sgd, segmentation_unlabeled
from mixdmt_tf.equations import sigmoid_ramp
from mixdmt_tf.models.layers.normalization import frozen_statistics
from mixdmt_tf.settings import override, setting


@dataclasses.dataclass(frozen=True)
class Config(
    segmentation_unlabeled.Batches,
    segmentation_unlabeled.Unlabeled,
    segmentation_sgd.Defaults,
    base.Config,
):
    """Settings of PixelSSL's Mean Teacher."""

    learning_rate: float = override(0.00025)
    ema_decay: float = override(0.99, "these weights are the teacher")
    lambda_u_ramp: float = setting(
        0.15,
        "share of the run over which lambda_u grows as exp(-5 (1 - t)^2); PixelSSL: 3 "
        "of 20 epochs",
        low=0.0,
        high=1.0,
    )
    one_pass: Optional[bool] = setting(
        None,
        "labelled and unlabelled images go through the network together, and batch "
        "normalization uses the statistics of both (PixelSSL); off: apart, each with "
        "their own (CutMix's release); default: off in runs of fewer than 20,000 "
        "steps, where statistics of more images regularize too little",
        by_length=True,
    )

    def for_run(self, steps: int) -> Config:
        """Returns these settings with unset values filled in for the run's length."""
        config = super().for_run(steps)
        return lengths.filled_in(config, one_pass=lengths.one_pass(steps))


class AveragedTeacher(base.Algorithm):
    """Base class with the predictions of teacher and network, and the loss weight."""

    has_teacher = True

    def lambda_u(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the weight of the unlabelled loss at a step."""
        config: Any = self.config
        length = int(config.lambda_u_ramp * self.facts.steps)
        return config.lambda_u * sigmoid_ramp(step, length)

    def taught(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the teacher's logits, float32 [n, h, w, C], without gradient."""
        with frozen_statistics(self.teacher):
            return tf.stop_gradient(self.teacher(images, training=True))

    def predict(
        self, labeled: tf.Tensor, unlabeled: tf.Tensor
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """Returns the network's logits for labelled and for unlabelled images.

        Args:
            labeled: float32 [m, h, w, 3].
            unlabeled: float32 [n, h, w, 3].

        Returns:
            float32 [m, h, w, C] and [n, h, w, C].
        """
        config: Any = self.config
        return segmentation_unlabeled.predict(
            self.network, labeled, unlabeled, config.one_pass
        )
