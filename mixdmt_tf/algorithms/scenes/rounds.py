"""What DMT for scenes shares with the methods that learn in rounds from pseudo labels.

Dynamic Mutual Training (arXiv:2004.08514), algorithm 2 and section 5.2.2: two networks
begin from different weights, or learn from different labels; in each round both label
the unlabelled scenes, and each goes on from its own weights with what the other said.
The methods differ in how much a pixel's pseudo label weighs (`weigh`). The loop itself
is `experiments/scenes/loop.py`.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Optional, Tuple

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.scenes import updates
from mixdmt_tf.data.scenes.recipe import Recipe
from mixdmt_tf.equations import cross_entropy
from mixdmt_tf.settings import setting


assumes = {"batch": 1}  # Table 1: one labelled scene, seven pseudo-labelled ones


@dataclasses.dataclass(frozen=True)
class Config(updates.Config):
    """Table 1, rows 1 to 6, and appendix B, for PASCAL VOC.

    Another data set's file says what differs there (`data/scenes/cityscapes.py`).
    """

    learning_rate: float = setting(
        0.001, "learning rate at the start of a round (Cityscapes: 0.004)", low=0.0
    )
    base_learning_rate: float = setting(
        0.002,
        "learning rate at the start of a base model (appendix B; Cityscapes: 0.004)",
        low=0.0,
    )
    rounds: int = setting(5, "rounds of pseudo labels after the base models", low=1)
    fractions: str = setting(
        "",
        "percentage of the pixels of each class that each round learns from, the "
        "surest ones; default: equal steps up to 100, which are 20,40,60,80,100 of "
        "five",
    )
    base_epochs: float = setting(
        30.0,
        "passes over all images that training with all labels would take; a base model "
        "gets sqrt(images / labels) times as many over its labelled ones (appendix B; "
        "Cityscapes: 60)",
        low=0.0,
    )
    base_steps: Optional[int] = setting(
        None, "steps of a base model, whatever base_epochs says", low=1
    )
    base_batch: int = setting(8, "labelled scenes per step of a base model", low=1)
    round_epochs: float = setting(
        5.0,
        "passes of a round over the unlabelled scenes (Table 1: 4 with 1/20 of the "
        "labels and fewer; Cityscapes: 10, and 8 with 1/30)",
        low=0.0,
    )
    round_steps: Optional[int] = setting(
        None, "steps of each round, whatever round_epochs says", low=1
    )
    unlabeled_ratio: int = setting(
        7,
        "pseudo-labelled scenes in a batch for each labelled one (Table 1; Cityscapes "
        "with 1/8 of the labels: 3, and --batch=2)",
        low=1,
    )
    restart: bool = setting(
        False,
        "begin each round with new random weights, as algorithm 1; off: with those of "
        "the round before, as algorithm 2",
    )
    models: int = setting(
        1,
        "1: a network labels for itself; 2: two networks teach each other, algorithm 2",
        choices=(1, 2),
    )
    difference_share: Optional[float] = setting(
        None,
        "alpha of Eq. 11: two base models learn from parts of the labels that differ "
        "as much as possible, each of this size (0.8 with 1/50 and 1/106 of the "
        "labels); default: both from all labels",
        low=0.5,
        high=1.0,
    )
    rank_every: int = setting(
        16,
        "which pixels of a scene are ranked to find each class's threshold: every "
        "16th, as in the release, or all (1), which takes 16 times the memory",
        low=1,
    )
    count: str = setting(
        "exact",
        "exact: round(alpha n) of the n ranked pixels of a class reach its threshold; "
        "released: floor(alpha n) + 1, and of the last round not quite all",
        choices=("exact", "released"),
    )
    snapshot: str = setting(
        "last",
        "which weights of a stage label, go on and are the result: the last, or the "
        "best on the validation scenes (what the release does)",
        choices=("last", "best"),
    )
    select_on: str = setting(
        "best",
        "which network is the result; validation: of the last round's the one with the "
        "larger mean IoU on the validation scenes (algorithm 2, step 17); best: that "
        "one, unless a base model or an earlier round was better there by more than "
        "the standard deviation of the difference, then the best; last: the first "
        "model's of the last round",
        choices=("best", "validation", "last"),
    )
    keep_pseudo_labels: bool = setting(
        False,
        "keep the pseudo labels of finished rounds, some 200 KB a scene and model "
        "each; off: only their index and what they were worth",
        harmless=True,
    )


class Round(base.Algorithm):
    """One round: labels and weighted pseudo labels in one batch.

    A method says what a pixel's pseudo label is worth: `weigh`.
    """

    loop = "rounds"
    base_method = "supervised"
    reported: Tuple[str, ...] = ("loss_xu", "loss_x", "loss_u")

    @classmethod
    def recipe(cls, config: Any) -> Recipe:
        """Labelled and pseudo-labelled scenes, augmented alike."""
        return Recipe(unlabeled_ratio=config.unlabeled_ratio, pseudo=True)

    def weigh(
        self, labels: tf.Tensor, confidence: tf.Tensor, probs: tf.Tensor
    ) -> Tuple[tf.Tensor, tf.Tensor, Dict[str, base.Reported]]:
        """What is learnt about each pseudo-labelled pixel, and how much it counts.

        Args:
            labels: float32 [n, h, w, C], one-hot pseudo labels, zeros where ignored.
            confidence: float32 [n, h, w], of who gave them.
            probs: float32 [n, h, w, C], what the network in training predicts in this
                very step, without gradient.

        Returns:
            Targets float32 [n, h, w, C], weights float32 [n, h, w], numbers to report.
        """
        raise NotImplementedError

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Eq. 7 to 10 of each pixel; N counts the pixels that are not ignored."""
        classes = self.task.num_classes
        y, known = updates.with_labels(batch["y"], classes)
        q, kept = updates.with_labels(batch["u_label"], classes)
        images = tf.concat([batch["x"], batch["u"]], 0)
        logits = self.network(images, training=True)
        labeled = tf.shape(y)[0]
        probs = tf.stop_gradient(tf.nn.softmax(logits[labeled:]))
        q, weights, reports = self.weigh(q, batch["u_confidence"], probs)
        values = cross_entropy(tf.concat([y, q], 0), logits)
        values *= tf.concat([known, weights], 0)
        term = base.Term(values, tf.concat([known, kept], 0))
        parts = {
            "loss_x": (values[:labeled], known),
            "loss_u": (values[labeled:], kept),
        }
        return {"loss_xu": term}, {**parts, **reports}
