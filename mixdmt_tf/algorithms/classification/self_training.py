"""Online self-training: a network learns what it is sure of at this very moment.

Dynamic Mutual Training (arXiv:2004.08514) section 5.4, Table 7 ("Online ST"), and its
release: the network's own classes with a confidence above a fixed threshold, found on
the augmented batch in the pass that is learnt from, are labels like any other; images
below it are left out of the mean. It starts from a trained baseline
(`--init_from=RUN`), and so its learning rate is small.
"""

from __future__ import annotations

import dataclasses
from typing import Dict

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import consistency, dmt_sgd
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import confidence_mask, cross_entropy, hard_label
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config(dmt_sgd.Config):
    """Settings of the ablation, which is of segmentation."""

    learning_rate: float = setting(0.001, "learning rate at the start", low=0.0)
    lambda_u: float = setting(
        1.0, "what an unlabelled image counts beside a labelled one", low=0.0
    )
    confidence_threshold: float = setting(
        0.9,
        "confidence above which a prediction is learnt from (section 5.4)",
        low=0.0,
        high=1.0,
    )
    unlabeled_ratio: int = setting(
        7, "unlabelled images in a batch for each labelled one", low=1
    )


class SelfTraining(base.Algorithm):
    """One pass over labelled and unlabelled images, one mean over what counts."""

    reported = ("loss_xu", "kept", "guess_confidence", "guess_accuracy")

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """Labelled and unlabelled images, augmented alike."""
        return Recipe(
            unlabeled_views=1,
            unlabeled_ratio=config.unlabeled_ratio,
            augment=config.augment,
            fill=dmt_sgd.GREY,
        )

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Cross-entropy of labels and of sure guesses together."""
        y = tf.one_hot(batch["y"], self.facts.num_classes)
        images = tf.concat([batch["x"], batch["u"][:, 0]], 0)
        logits = self.network(images, training=True)
        p = tf.stop_gradient(tf.nn.softmax(logits[tf.shape(y)[0] :]))
        kept = confidence_mask(p, self.config.confidence_threshold)
        values = cross_entropy(tf.concat([y, hard_label(p)], 0), logits)
        counted = tf.concat([tf.ones_like(y[:, 0]), self.config.lambda_u * kept], 0)
        return (
            {"loss_xu": base.Term(values, counted)},
            {"kept": kept, **consistency.guess_reports(p, batch["u_truth"])},
        )
