"""What the methods share that the MixMatch release compares itself with.

Berthelot et al. 2019 (arXiv:1905.02249), section 4 and released code: a step has one
labelled pass, which alone updates batch normalization's running statistics, and any
number of unlabelled ones. The weight of the unlabelled loss grows linearly over the
first part of the run. Network, Adam, weight decay and EMA are MixMatch's
(`base.Config`) and not those of the methods' own papers.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Optional, Tuple

import keras
import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.equations import cross_entropy, linear_ramp
from mixdmt_tf.models.layers.normalization import frozen_statistics
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config(base.Config):
    """The warm-up of `lambda_u`, which a method declares with its own default."""

    warmup: float = setting(
        0.4,
        "share of the run over which lambda_u grows linearly from 0 (the release's "
        "warmup_pos); 0: no growth",
        low=0.0,
        high=1.0,
    )


class Frame(base.Algorithm):
    """Base class with the passes, weights and reports of the methods' steps."""

    reported: Tuple[str, ...] = (
        "loss_x",
        "loss_u",
        "lambda_u",
        "guess_confidence",
        "guess_accuracy",
    )

    def loss_x(self, batch: Dict[str, tf.Tensor]) -> base.Term:
        """Returns the labelled cross-entropy; the pass updates running statistics."""
        y = tf.one_hot(batch["y"], self.facts.num_classes)
        return base.Term(cross_entropy(y, self.network(batch["x"], training=True)))

    def predict(
        self, images: tf.Tensor, network: Optional[keras.Model] = None
    ) -> tf.Tensor:
        """Returns logits in training mode without updating the running statistics.

        Args:
            images: float32 [n, H, W, C].
            network: the network to use, such as the teacher; by default `self.network`.

        Returns:
            float32 [n, C].
        """
        network = self.network if network is None else network
        with frozen_statistics(network):
            return network(images, training=True)

    def guess(
        self, images: tf.Tensor, network: Optional[keras.Model] = None
    ) -> tf.Tensor:
        """Returns target probabilities without gradient; arguments as in `predict`."""
        return tf.stop_gradient(tf.nn.softmax(self.predict(images, network)))

    def lambda_u(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the weight of the unlabelled loss at a step, float32 []."""
        config: Any = self.config
        length = round(config.warmup * self.facts.steps)
        return config.lambda_u * linear_ramp(step, length)

    def reports(self, q: tf.Tensor, batch: Dict[str, tf.Tensor]):
        """Returns `guess_reports` of the guesses [n, C]."""
        return guess_reports(q, batch["u_truth"])


def guess_reports(q: tf.Tensor, truth: tf.Tensor) -> Dict[str, base.Reported]:
    """Reports the confidence of the guesses and, where known, their accuracy.

    Args:
        q: float32 [n, C], probabilities.
        truth: int32 [n], hidden classes; rows with a negative class are not counted.

    Returns:
        `guess_confidence` over all rows, `guess_accuracy` over those with a class.
    """
    hits = tf.equal(tf.argmax(q, -1, tf.int32), truth)
    return {
        "guess_confidence": tf.reduce_max(q, -1),
        "guess_accuracy": (tf.cast(hits, tf.float32), truth >= 0),
    }
