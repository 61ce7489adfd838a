"""Mean Teacher for images: the averaged weights teach the network ("MT-Seg").

Tarvainen and Valpola 2017 (arXiv:1703.01780), adapted to segmentation as PixelSSL runs
it for table 4 of DMT (arXiv:2004.08514): the squared distance between what network and
teacher predict of the same crop, on unlabelled images only, with a weight that grows
over the first 3 of 20 epochs. PixelSSL's noise on the input is left out; what differs
between the two is their weights. The teacher normalizes by the statistics of its batch.
"""

from __future__ import annotations

import dataclasses
from typing import Dict, Tuple

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import segmentation_sgd, segmentation_unlabeled
from mixdmt_tf.data.segmentation.recipe import Recipe
from mixdmt_tf.equations import cross_entropy, sigmoid_ramp, squared_error
from mixdmt_tf.models.layers.normalization import frozen_statistics
from mixdmt_tf.settings import override, setting


@dataclasses.dataclass(frozen=True)
class Config(
    segmentation_unlabeled.Batches,
    segmentation_unlabeled.Unlabeled,
    segmentation_sgd.Defaults,
    base.Config,
):
    """Settings of PixelSSL."""

    learning_rate: float = override(0.00025)
    ema_decay: float = override(0.99, "and teaches")
    lambda_u_ramp: float = setting(
        0.15,
        "share of the run over which lambda_u grows as exp(-5 (1 - t)^2); PixelSSL: 3 "
        "of 20 epochs",
        low=0.0,
        high=1.0,
    )


class MeanTeacher(base.Algorithm):
    """Cross-entropy on labels, consistency on the rest."""

    has_teacher = True
    reported: Tuple[str, ...] = ("loss_x", "loss_u", "lambda_u")

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """Labelled and unlabelled images."""
        return Recipe(unlabeled_ratio=config.unlabeled_ratio)

    def lambda_u(self, step: tf.Tensor) -> tf.Tensor:
        """Its weight at this step."""
        length = int(self.config.lambda_u_ramp * self.facts.steps)
        return self.config.lambda_u * sigmoid_ramp(step, length)

    def taught(self, images: tf.Tensor) -> tf.Tensor:
        """What the teacher predicts: float32 [n, h, w, C], without gradient."""
        with frozen_statistics(self.teacher):
            logits = self.teacher(images, training=True)
        return tf.stop_gradient(tf.nn.softmax(logits))

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Both for each pixel; what lies beside an unlabelled image doesn't count."""
        y, known = segmentation_sgd.with_labels(batch["y"], self.facts.num_classes)
        logits = self.network(tf.concat([batch["x"], batch["u"]], 0), training=True)
        labeled = tf.shape(y)[0]
        p, q = tf.nn.softmax(logits[labeled:]), self.taught(batch["u"])
        inside = tf.cast(batch["u_confidence"] > 0, tf.float32)
        weight = self.lambda_u(batch["step"])
        return {
            "loss_x": base.Term(cross_entropy(y, logits[:labeled]), known),
            "loss_u": base.Term(squared_error(q, p), inside, weight),
        }, {"lambda_u": weight}
