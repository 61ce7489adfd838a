"""CutMix for images: of an image pasted into another, the pasted prediction.

French, Laine, Aila, Mackiewicz and Finlayson 2020 (arXiv:1906.01916), and its release;
DMT (arXiv:2004.08514) compares with it in tables 4 and 6. A box of half the size of the
image is cut out of one unlabelled image and pasted into another; of the mixture the
network is to say what the averaged weights say of the two images. The weight is the
share of pixels that the teacher is sure of. The release holds batch normalization still
and gives the encoder a tenth of the learning rate, which are settings of the network.
Jittered colours for the network, not for the teacher, are of French and Mackiewicz 2021
(arXiv:2110.04487).
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Optional, Tuple

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import averaged_teacher, segmentation_sgd
from mixdmt_tf.algorithms.parts.terms import mean_of_all
from mixdmt_tf.data import draws
from mixdmt_tf.data.augment.jitter import UNIFORMS, colour_jitter
from mixdmt_tf.data.segmentation.recipe import Recipe
from mixdmt_tf.equations import (
    box_mask,
    confidence_mask_inclusive,
    cross_entropy,
    paste,
    squared_error,
)
from mixdmt_tf.errors import UsageError
from mixdmt_tf.settings import override, setting

assumes = {"batch": 2}  # with four unlabelled images


@dataclasses.dataclass(frozen=True)
class Config(averaged_teacher.Config):
    """Settings of the release; `--optimizer=adam --learning_rate=0.00003` are its."""

    unlabeled_ratio: int = setting(
        2,
        "unlabelled images in a batch for each labelled one; two make one mixture",
        low=2,
    )
    lambda_u_ramp: float = override(0.0)
    one_pass: Optional[bool] = override(False, "in runs of any length")
    confidence_threshold: float = setting(
        0.97,
        "confidence of the teacher from which on a pixel adds to the weight",
        low=0.0,
        high=1.0,
    )
    box_area: float = setting(
        0.5, "area of the box over that of the image", low=0.001, high=1.0
    )
    colour_jitter: float = setting(
        0.0,
        "probability with which brightness, contrast, saturation and hue of an "
        "unlabelled image are changed for the network; French and Mackiewicz 2021: 0.8",
        low=0.0,
        high=1.0,
    )
    colour_grey: float = setting(
        0.0,
        "probability with which it then becomes grey; French and Mackiewicz 2021: 0.2",
        low=0.0,
        high=1.0,
    )


class CutMix(averaged_teacher.AveragedTeacher):
    """Consistency of French et al., with the mask of CutMix."""

    reported: Tuple[str, ...] = ("loss_x", "loss_u", "lambda_u", "sure")

    def __init__(self, network: Any, config: Config, facts: base.RunFacts):
        """Refuses to change colours where there are none.

        Args:
            network: as of `base.Algorithm`.
            config: settings of this method.
            facts: what it must know of the run.

        Raises:
            UsageError: for images of other than three channels with colour jitter.
        """
        super().__init__(network, config, facts)
        channels = network.input_shape[-1]
        if channels != 3 and max(config.colour_jitter, config.colour_grey) > 0:
            raise UsageError(
                f"--colour_jitter={config.colour_jitter} --colour_grey="
                f"{config.colour_grey} change colours, and these images have "
                f"{channels} channels; expected 0 for both"
            )

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """Labelled images, pairs of unlabelled ones, and a box for each pair."""
        keys = config.colour_jitter > 0 or config.colour_grey > 0
        return Recipe(unlabeled_ratio=config.unlabeled_ratio, boxes=True, keys=keys)

    def jittered(self, batch: Dict[str, tf.Tensor]) -> tf.Tensor:
        """The unlabelled images as the network sees them, before they are mixed."""
        config, images = self.config, batch["u"]
        if "u_key" not in batch:
            return images
        drawn = draws.uniform_rows(batch["u_key"], "colours", [UNIFORMS])
        return colour_jitter(images, drawn, config.colour_jitter, config.colour_grey)

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """The squared distance is a sum over classes, as in the release."""
        classes = self.facts.num_classes
        y, known = segmentation_sgd.with_labels(batch["y"], classes)
        height, width = batch["u"].shape[1:3]
        box = box_mask(batch["u_box"], height, width, self.config.box_area)

        def mixed(maps: tf.Tensor) -> tf.Tensor:
            return paste(box, *tf.split(maps, 2))

        q = mixed(tf.nn.softmax(self.taught(batch["u"])))
        inside = tf.cast(batch["u_confidence"] > 0, tf.float32)
        inside = mixed(inside[..., None])[..., 0]
        logits, p = self.predict(batch["x"], mixed(self.jittered(batch)))
        p = tf.nn.softmax(p)
        threshold = self.config.confidence_threshold
        sure = mean_of_all(confidence_mask_inclusive(q, threshold), inside)
        weight = self.lambda_u(batch["step"])
        return {
            "loss_x": base.Term(cross_entropy(y, logits), known),
            "loss_u": base.Term(classes * squared_error(q, p), inside, weight * sure),
        }, {"lambda_u": weight, "sure": sure}
