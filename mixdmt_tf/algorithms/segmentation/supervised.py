"""Labels alone: the baseline of DMT's tables 4 to 7, and with all labels their oracle.

Dynamic Mutual Training (arXiv:2004.08514) section 5.2 and appendix B.
"""

from __future__ import annotations

import dataclasses
from typing import Dict

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import segmentation_sgd
from mixdmt_tf.data.segmentation.recipe import Recipe
from mixdmt_tf.equations import cross_entropy
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config(segmentation_sgd.Defaults, base.Config):
    """Length of appendix B."""

    epochs: float = setting(
        30.0,
        "passes over all images that training with all labels takes; with fewer labels "
        "there are sqrt(images / labels) times as many over the labelled ones "
        "(appendix B; Cityscapes: 60). --steps overrides it",
        low=0.0,
    )


class Supervised(base.Algorithm):
    """Cross-entropy, a mean over all labelled pixels of the batch."""

    reported = ("loss_x",)

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """Labelled images."""
        return Recipe()

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """One value for each pixel."""
        targets, known = segmentation_sgd.with_labels(
            batch["y"], self.facts.num_classes
        )
        logits = self.network(batch["x"], training=True)
        return {"loss_x": base.Term(cross_entropy(targets, logits), known)}, {}
