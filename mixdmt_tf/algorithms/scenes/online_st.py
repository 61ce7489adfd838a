"""Online self-training: a network learns what it is sure of at the moment.

Dynamic Mutual Training (arXiv:2004.08514) section 5.4, Table 7 ("Online ST"): the
network's own classes with a confidence above 0.9, found on the augmented batch in the
pass that is learnt from, are labels like any other; pixels below it are left out of the
mean. It starts from a trained baseline (`--init_from=RUN`).
"""

from __future__ import annotations

import dataclasses
from typing import Dict

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.scenes import unlabeled, updates
from mixdmt_tf.data.scenes.recipe import Recipe
from mixdmt_tf.equations import confidence_mask, cross_entropy, hard_label
from mixdmt_tf.settings import setting


assumes = {"batch": 1}  # with seven unlabelled scenes, as DMT


@dataclasses.dataclass(frozen=True)
class Config(unlabeled.Config):
    """Settings of the ablation."""

    learning_rate: float = setting(0.001, "learning rate at the start", low=0.0)
    unlabeled_ratio: int = setting(
        7, "unlabelled scenes in a batch for each labelled one", low=1
    )
    confidence_threshold: float = setting(
        0.9,
        "confidence above which a prediction is learnt from (section 5.4)",
        low=0.0,
        high=1.0,
    )
    lambda_u: float = setting(
        1.0, "what an unlabelled pixel counts beside a labelled one", low=0.0
    )


class Method(base.Algorithm):
    """One pass over labelled and unlabelled scenes, one mean over what counts."""

    reported = ("loss_xu", "loss_x", "kept")

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """Labelled and unlabelled scenes, augmented alike."""
        return Recipe(unlabeled_ratio=config.unlabeled_ratio)

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Cross-entropy of labels and of sure guesses together."""
        y, known = updates.with_labels(batch["y"], self.task.num_classes)
        images = tf.concat([batch["x"], batch["u"]], 0)
        logits = self.network(images, training=True)
        labeled = tf.shape(y)[0]
        p = tf.stop_gradient(tf.nn.softmax(logits[labeled:]))
        kept = confidence_mask(p, self.config.confidence_threshold)
        values = cross_entropy(tf.concat([y, hard_label(p)], 0), logits)
        inside = tf.cast(batch["u_confidence"] > 0, tf.float32)
        counted = tf.concat([known, self.config.lambda_u * kept * inside], 0)
        return (
            {"loss_xu": base.Term(values, counted)},
            {"loss_x": (values[:labeled], known), "kept": (kept, inside)},
        )
