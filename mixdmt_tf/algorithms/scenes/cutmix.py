"""CutMix for scenes: of a picture pasted into another, the pasted prediction.

French, Laine, Aila, Mackiewicz and Finlayson 2020 (arXiv:1906.01916), sections 3.3 and
4, and its release; DMT (arXiv:2004.08514) compares with it in tables 4 and 6. A box of
half the size of the picture is cut out of one unlabelled scene and pasted into another;
of the mixture the network is to say what the averaged weights say of the two scenes.
The weight is the share of pixels that the teacher is sure of. The release also jitters
colours and holds batch normalization still, which is left out.
"""

from __future__ import annotations

import dataclasses
from typing import Dict, Tuple

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.scenes import mean_teacher, updates
from mixdmt_tf.algorithms.terms import mean_of_all
from mixdmt_tf.data.scenes.recipe import Recipe
from mixdmt_tf.equations import (
    box_mask,
    confidence_mask_inclusive,
    cross_entropy,
    paste,
    squared_error,
)
from mixdmt_tf.settings import setting


assumes = {"batch": 2}  # with four unlabelled scenes


@dataclasses.dataclass(frozen=True)
class Config(mean_teacher.Config):
    """Settings of the release; `--optimizer=adam --learning_rate=0.00003` are its."""

    unlabeled_ratio: int = setting(
        2,
        "unlabelled scenes in a batch for each labelled one; two make one mixture",
        low=2,
    )
    lambda_u_ramp: float = setting(
        0.0,
        "share of the run over which lambda_u grows as exp(-5 (1 - t)^2)",
        low=0.0,
        high=1.0,
    )
    confidence_threshold: float = setting(
        0.97,
        "confidence of the teacher from which on a pixel adds to the weight",
        low=0.0,
        high=1.0,
    )
    box_area: float = setting(
        0.5, "area of the box over that of the picture", low=0.0, high=1.0
    )


class Method(mean_teacher.Method):
    """Section 3.3, with the mask of CutMix."""

    reported: Tuple[str, ...] = ("loss_x", "loss_u", "lambda_u", "sure")

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """Labelled scenes, pairs of unlabelled ones, and a box for each pair."""
        return Recipe(unlabeled_ratio=config.unlabeled_ratio, boxes=True)

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """The squared distance is a sum over classes, as in the release."""
        classes = self.task.num_classes
        y, known = updates.with_labels(batch["y"], classes)
        one, two = tf.split(batch["u"], 2)
        height, width = one.shape[1:3]
        box = box_mask(batch["u_box"], height, width, self.config.box_area)
        taught_one, taught_two = tf.split(self.taught(batch["u"]), 2)
        q = paste(box, taught_one, taught_two)
        inside = tf.cast(batch["u_confidence"] > 0, tf.float32)
        inside = paste(box, *(part[..., None] for part in tf.split(inside, 2)))[..., 0]
        images = tf.concat([batch["x"], paste(box, one, two)], 0)
        logits = self.network(images, training=True)
        labeled = tf.shape(y)[0]
        p = tf.nn.softmax(logits[labeled:])
        threshold = self.config.confidence_threshold
        sure = mean_of_all(confidence_mask_inclusive(q, threshold), inside)
        weight = self.lambda_u(batch["step"])
        return {
            "loss_x": base.Term(cross_entropy(y, logits[:labeled]), known),
            "loss_u": base.Term(classes * squared_error(q, p), inside, weight * sure),
        }, {"lambda_u": weight, "sure": sure}
