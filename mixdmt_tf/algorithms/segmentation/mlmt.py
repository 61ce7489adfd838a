"""MLMT: which classes does an image show? A Mean Teacher of whole images.

The multi-label Mean Teacher of Mittal, Tatarchenko and Brox (arXiv:1908.05724), their
upper branch, and its release. It segments nothing: its verdict filters what another
run predicts, when that is scored (`bin/evaluate --class_filter=RUN`). Labels are the
classes that a label map shows. The network says of each class whether it is there
(a sigmoid each, binary cross-entropy), and on unlabelled images is to say what the
averaged weights say: logits in the same direction.

The classifier is a network for segmentation whose logits are averaged over the image.
Where its last layer is a 1x1 convolution that is global average pooling of the features
and a dense layer, in another order; and its maps before pooling, class activation maps
(Zhou et al. 2016, arXiv:1512.04150), are what mean IoU and `bin/predict` of such a run
show. They say where the network looked, and are no segmentation.

What differs from the release:

- Network, as above. The release's is a ResNet-101 of its own.
- Student and teacher see the same crops. The release's student sees copies with other
  colours, mirrored and blurred, of images that are squashed to a square.
- The average starts with the decay of `--ema_warmup`, and the learning rate falls at
  each step, to 0.
"""

from __future__ import annotations

import dataclasses
from typing import Dict, Optional, Tuple

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import segmentation_sgd, segmentation_unlabeled
from mixdmt_tf.data.segmentation.recipe import Recipe
from mixdmt_tf.equations import (
    binary_cross_entropy,
    cosine_distance,
    linear_ramp,
)
from mixdmt_tf.models.layers.normalization import frozen_statistics
from mixdmt_tf.settings import override, setting

assumes = {"batch": 16}  # with 80 unlabelled images


@dataclasses.dataclass(frozen=True)
class Config(
    segmentation_unlabeled.Passes,
    segmentation_unlabeled.Batches,
    segmentation_unlabeled.Unlabeled,
    segmentation_sgd.Defaults,
    base.Config,
):
    """Settings of the release."""

    learning_rate: float = override(0.03)
    learning_rate_schedule: str = override("cosine")
    nesterov: bool = override(True)
    weight_decay: float = override(0.00001)
    ema_decay: float = override(0.999, "these weights are the teacher")
    ema_warmup: Optional[bool] = override(True)
    epochs: float = override(71.0, "100 over labelled ones, an eighth of VOC's")
    unlabeled_ratio: int = override(5)
    lambda_u_start: float = setting(
        0.1,
        "share of the run before consistency begins; over the next half of the run its "
        "weight grows linearly to lambda_u (10 and 50 of 100 epochs)",
        low=0.0,
        high=1.0,
    )


class MLMT(base.Algorithm):
    """The multi-label branch of Mittal et al.

    Attributes:
        image_level: its labels are those of whole images.
    """

    has_teacher = True
    image_level = True
    reported = ("loss_x", "loss_u", "lambda_u", "recall", "precision")

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """Labelled and unlabelled images."""
        return Recipe(unlabeled_ratio=config.unlabeled_ratio)

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """One value for each image; of pixels that are ignored nothing is said."""
        config = self.config
        y, known = segmentation_sgd.with_labels(batch["y"], self.facts.num_classes)
        inside = tf.cast(batch["u_confidence"] > 0, tf.float32)
        logits_x, logits_u = segmentation_unlabeled.predict(
            self.network, batch["x"], batch["u"], config.one_pass
        )
        with frozen_statistics(self.teacher):
            taught = self.teacher(batch["u"], training=True)
        of_x, with_x = pooled(logits_x, known)
        of_u, with_u = pooled(logits_u, inside)
        taught, _ = pooled(tf.stop_gradient(taught), inside)

        shown = tf.reduce_max(y, [1, 2])
        loss_x = tf.reduce_mean(binary_cross_entropy(shown, of_x), -1)
        start = round(config.lambda_u_start * self.facts.steps)
        weight = config.lambda_u * linear_ramp(
            tf.cast(batch["step"], tf.int64) - start, self.facts.steps // 2
        )
        found = tf.cast(of_x > 0, tf.float32)
        return {
            "loss_x": base.Term(loss_x, with_x),
            "loss_u": base.Term(cosine_distance(taught, of_u), with_u, weight),
        }, {
            "lambda_u": weight,
            "recall": (found, shown),
            "precision": (shown, found * with_x[:, None]),
        }


def pooled(logits: tf.Tensor, mask: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
    """The logits of an image, the mean over those of its pixels that count.

    Args:
        logits: float32 [n, h, w, C].
        mask: float32 [n, h, w] of zeros and ones.

    Returns:
        float32 [n, C], and [n]: 1 for images of which a pixel counts.
    """
    count = tf.reduce_sum(mask, [1, 2])
    total = tf.reduce_sum(logits * mask[..., None], [1, 2])
    return total / tf.maximum(count, 1.0)[:, None], tf.minimum(count, 1.0)
