"""The baseline of DMT: labels alone, strong augmentation, mixup.

Dynamic Mutual Training (arXiv:2004.08514) section 5.3.1, Tables 2 and 3 ("Baseline",
and "Oracle" with all labels), appendix B, released `main_fs.py`. It trains the base
models that give the first pseudo labels of DMT, Curriculum Labeling and similar
methods.
"""

from __future__ import annotations

import dataclasses
from typing import Dict

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import dmt_sgd
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import cross_entropy, interpolate

assumes = {"batch": 512}  # appendix B


@dataclasses.dataclass(frozen=True)
class Config(dmt_sgd.Mixup, dmt_sgd.Defaults, base.Config):
    """The learning rate of appendix B, and mixup."""


class DMTBaseline(base.Algorithm):
    """Cross-entropy of mixed images; an image may be the smaller part of a mixture."""

    reported = ("loss_x",)
    weighs_labels = True

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """Returns batches of labelled images, mixed with each other."""
        return Recipe(
            mixup_groups=(1,) if config.mixup_beta else (),
            mixup_beta=config.mixup_beta,
            mixup_shared=True,
            augment=config.augment,
            border=dmt_sgd.BORDER,
        )

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Computes lam CE(y, f(x)) + (1 - lam) CE(y', f(x)) of mixed images x."""
        x, y = batch["x"], tf.one_hot(batch["y"], self.facts.num_classes)
        if "x_weight" in batch:  # each part of a mixture has its own weight
            y *= batch["x_weight"][:, None]
        if self.config.mixup_beta:
            partner, lam = batch["partner"], batch["lam"]
            x = interpolate(x, tf.gather(x, partner), lam)
            y = interpolate(y, tf.gather(y, partner), lam)
        return {
            "loss_x": base.Term(cross_entropy(y, self.network(x, training=True)))
        }, {}
