"""Mean Teacher for images: the averaged weights teach the network ("MT-Seg").

Tarvainen and Valpola 2017 (arXiv:1703.01780), adapted to segmentation as PixelSSL runs
it for table 4 of DMT (arXiv:2004.08514): the squared distance between what network and
teacher predict of the same crop, on unlabelled images only, with a weight that grows
over the first 3 of 20 epochs. What differs between the two is their weights and, with
`input_noise`, the noise that each adds to the image; PixelSSL's scripts have none. The
teacher normalizes by the statistics of its batch.
"""

from __future__ import annotations

import dataclasses
from typing import Dict, Tuple

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import averaged_teacher, segmentation_sgd
from mixdmt_tf.data import draws
from mixdmt_tf.data.segmentation.recipe import Recipe
from mixdmt_tf.equations import cross_entropy, squared_error
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config(averaged_teacher.Config):
    """Settings of PixelSSL."""

    consistency: str = setting(
        "probabilities",
        "what network and teacher are to agree in: probabilities, as in the paper; "
        "logits, as PixelSSL releases it",
        choices=("probabilities", "logits"),
    )
    input_noise: float = setting(
        0.0,
        "deviation of the normal noise that network and teacher each add to unlabelled "
        "images in [-1, 1]; Mean Teacher's release: 0.15; PixelSSL's scripts: 0",
        low=0.0,
    )


class MeanTeacher(averaged_teacher.AveragedTeacher):
    """Cross-entropy on labels, consistency on the rest."""

    reported: Tuple[str, ...] = ("loss_x", "loss_u", "lambda_u")

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """Labelled and unlabelled images, and keys for noise."""
        keys = config.input_noise > 0
        return Recipe(unlabeled_ratio=config.unlabeled_ratio, keys=keys)

    def noisy(self, batch: Dict[str, tf.Tensor], of: str) -> tf.Tensor:
        """The unlabelled images with noise; that of the network is not the teacher's.

        Args:
            batch: of a step.
            of: 'network' or 'teacher'.
        """
        images = batch["u"]
        if not self.config.input_noise:
            return images
        noise = draws.normal_rows(batch["u_key"], of, tf.shape(images)[1:])
        return images + self.config.input_noise * noise

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Both for each pixel; what lies beside an unlabelled image doesn't count."""
        y, known = segmentation_sgd.with_labels(batch["y"], self.facts.num_classes)
        logits, p = self.predict(batch["x"], self.noisy(batch, "network"))
        q = self.taught(self.noisy(batch, "teacher"))
        if self.config.consistency == "probabilities":
            p, q = tf.nn.softmax(p), tf.nn.softmax(q)
        inside = tf.cast(batch["u_confidence"] > 0, tf.float32)
        weight = self.lambda_u(batch["step"])
        return {
            "loss_x": base.Term(cross_entropy(y, logits), known),
            "loss_u": base.Term(squared_error(q, p), inside, weight),
        }, {"lambda_u": weight}
