"""What DMT shares with the methods that learn in rounds from fixed pseudo labels.

Dynamic Mutual Training (arXiv:2004.08514), algorithm 1 and section 5.2.2: a network
trained on labels labels the other images; another one, begun anew, learns from labels
and the surest pseudo labels together; and so on, each round with more of them. The
methods differ in how much a pseudo label weighs (`weigh`) and in who teaches whom. The
loop itself is `experiments/loops/rounds.py`.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Optional, Tuple

import tensorflow as tf

from mixdmt_tf.algorithms import base, dmt_baseline, updates
from mixdmt_tf.data.recipe import Recipe
from mixdmt_tf.equations import cross_entropy, mix
from mixdmt_tf.settings import setting


assumes = {"batch": 64}  # Table 1, row 8: 64 labelled and 448 pseudo-labelled images


@dataclasses.dataclass(frozen=True)
class Config(dmt_baseline.Config):
    """Rounds of DMT section 5.2.2 and appendix B."""

    learning_rate: float = setting(
        0.1, "learning rate at the start of a round", low=0.0
    )
    base_learning_rate: float = setting(
        0.2, "learning rate at the start of the base model (appendix B)", low=0.0
    )
    rounds: int = setting(5, "rounds of pseudo labels after the base model", low=1)
    fractions: str = setting(
        "",
        "percentage of the unlabelled images that each round learns from, the surest "
        "ones; default: equal steps up to 100, which are 20,40,60,80,100 of five",
    )
    base_epochs: float = setting(
        300.0,
        "passes over all images that training with all labels would take; the base "
        "model gets sqrt(images / labels) times as many over the labelled ones "
        "(appendix B)",
        low=0.0,
    )
    base_steps: Optional[int] = setting(
        None, "steps of the base model, whatever base_epochs says", low=1
    )
    base_batch: int = setting(512, "labelled images per step of the base model", low=1)
    round_epochs: float = setting(
        750.0, "passes of a round over its pseudo-labelled images", low=0.0
    )
    round_steps: Optional[int] = setting(
        None, "steps of each round, whatever round_epochs says", low=1
    )
    unlabeled_ratio: int = setting(
        7,
        "pseudo-labelled images in a batch for each labelled one (Table 1; 31 with "
        "1,000 labels, where a batch has 16 labelled ones)",
        low=1,
    )
    restart: bool = setting(
        True,
        "begin each round with new random weights, as algorithm 1; off: with those of "
        "the round before, as algorithm 2",
    )
    models: int = setting(
        1,
        "1: each round's network learns from the one before, algorithm 1; 2: two "
        "networks teach each other, algorithm 2",
        choices=(1, 2),
    )
    difference_share: Optional[float] = setting(
        None,
        "alpha of Eq. 11: two base models learn from parts of the labels that differ "
        "as much as possible, each of this size; default: both from all labels",
        low=0.5,
        high=1.0,
    )
    count: str = setting(
        "exact",
        "exact: round(alpha N) pseudo labels; released: alpha N - 2, as DMT's release",
        choices=("exact", "released"),
    )
    select_on: str = setting(
        "best",
        "which stage's network is the result; best: the last round's, unless its "
        "validation error is larger than that of the best of base model and rounds by "
        "more than the standard deviation of the difference, then that one's; last: "
        "the last round's; valtiny: that with the smallest validation error (appendix "
        "C holds out 200 images: --validation=200)",
        choices=("best", "last", "valtiny"),
    )


class Round(base.Algorithm):
    """One round: labels and weighted pseudo labels in one mixed batch.

    A method says what a pseudo label is worth: `weigh`.
    """

    loop = "rounds"
    base_method = "dmt_baseline"
    reported: Tuple[str, ...] = ("loss_x", "loss_u")

    @classmethod
    def recipe(cls, config: Any) -> Recipe:
        """Labelled and pseudo-labelled images, augmented alike and mixed together."""
        ratio = config.unlabeled_ratio
        return Recipe(
            unlabeled_views=1,
            unlabeled_ratio=ratio,
            mixup_groups=(1 + ratio,) if config.mixup_beta else (),
            mixup_beta=config.mixup_beta,
            mixup_shared=True,
            augment=config.augment,
            fill=updates.GREY,
            pseudo=True,
        )

    def weigh(
        self, batch: Dict[str, tf.Tensor], images: tf.Tensor, labels: tf.Tensor
    ) -> Tuple[tf.Tensor, tf.Tensor, Dict[str, base.Reported]]:
        """What is learnt about each pseudo-labelled image, and how much it counts.

        Args:
            batch: the whole of it.
            images: float32 [b + n, H, W, C], labelled and then pseudo-labelled ones,
                not mixed.
            labels: float32 [n, C], one-hot pseudo labels.

        Returns:
            Targets float32 [n, C], weights float32 [n], and numbers to report.
        """
        raise NotImplementedError

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Eq. 7 to 10 of mixed images; both terms are divided by all N rows."""
        classes, config = self.task.num_classes, self.config
        y = tf.one_hot(batch["y"], classes)
        images = tf.concat([batch["x"], batch["u"][:, 0]], 0)
        q, weights_u, reports = self.weigh(
            batch, images, tf.one_hot(batch["u_label"], classes)
        )
        targets = tf.concat([y, q], 0)
        weights = tf.concat([tf.ones_like(y[:, 0]), weights_u], 0)
        if config.mixup_beta:
            partner, lam = batch["partner"], batch["lam"]
            images = mix(images, tf.gather(images, partner), lam)
            targets = mix(targets, tf.gather(targets, partner), lam)
            weights = mix(weights, tf.gather(weights, partner), lam)
        values = weights * cross_entropy(targets, self.network(images, training=True))
        labeled, ratio = tf.shape(y)[0], config.unlabeled_ratio
        return {
            "loss_x": base.Term(values[:labeled], weight=1 / (1 + ratio)),
            "loss_u": base.Term(values[labeled:], weight=ratio / (1 + ratio)),
        }, reports
