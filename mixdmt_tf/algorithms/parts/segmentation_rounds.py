"""What DMT for images shares with the methods that learn in rounds from pseudo labels.

Dynamic Mutual Training (arXiv:2004.08514), algorithm 2 and section 5.2.2: two networks
start from different weights, or learn from different labels. In each round both predict
pseudo labels for the unlabelled images, and each continues from its own weights with
the pseudo labels of the other. The methods differ in the weight of a pixel's pseudo
label (`weigh`). The loop itself is `rounds/loop.py`.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Optional, Tuple

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import rounds, segmentation_sgd
from mixdmt_tf.data.segmentation.recipe import Recipe
from mixdmt_tf.equations import cross_entropy_of_log_probs
from mixdmt_tf.settings import override, setting

assumes = {"batch": 1}  # Table 1: one labelled image, seven pseudo-labelled ones


@dataclasses.dataclass(frozen=True)
class Config(rounds.Rounds, segmentation_sgd.Defaults, base.Config):
    """Settings of table 1, rows 1 to 6, and appendix B, for PASCAL VOC.

    The files of other data sets define their differences
    (`data/segmentation/datasets/cityscapes.py`).
    """

    learning_rate: float = override(0.001, "of a round; Cityscapes: 0.004")
    base_learning_rate: float = override(0.002, "appendix B; Cityscapes: 0.004")
    base_epochs: float = override(30.0, "appendix B; Cityscapes: 60")
    base_batch: int = override(8)
    round_epochs: float = override(
        5.0,
        "Table 1: 4 with 1/20 of the labels and fewer; Cityscapes: 10, and 8 with 1/30",
    )
    unlabeled_ratio: int = override(
        7, "Table 1; Cityscapes with 1/8 of the labels: 3, and --batch=2"
    )
    restart: bool = override(False)
    difference_share: Optional[float] = override(
        None, "0.8 with 1/50 and 1/106 of the labels"
    )
    rank_every: int = setting(
        16,
        "which pixels of an image are ranked to find each class's threshold: every "
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
        "which weights of a stage give the pseudo labels, start the next stage and are "
        "the result: the last, or the "
        "best on the validation images (what the release does)",
        choices=("last", "best"),
    )
    select_on: str = setting(
        "best",
        "which network is the result; validation: of the last round's the one with the "
        "larger mean IoU on the validation images (algorithm 2, step 17); best: the "
        "one with the largest among base models and rounds, of equal ones the latest; "
        "last: the first model's of the last round",
        choices=("best", "validation", "last"),
    )
    keep_pseudo_labels: bool = setting(
        False,
        "keep the pseudo labels of finished rounds, some 200 KB an image and model "
        "each; off: only their index and their quality",
        harmless=True,
    )


class Round(base.Algorithm):
    """Base class of one round: labels and weighted pseudo labels in one batch.

    A method defines the weights of pixels' pseudo labels in `weigh`.
    """

    loop = "rounds"
    base_method = "supervised"
    reported: Tuple[str, ...] = ("loss_xu", "loss_x", "loss_u")

    @classmethod
    def recipe(cls, config: Any) -> Recipe:
        """Labelled and pseudo-labelled images, augmented alike."""
        return Recipe(unlabeled_ratio=config.unlabeled_ratio, pseudo=True)

    def weigh(
        self, labels: tf.Tensor, confidence: tf.Tensor, probs: tf.Tensor
    ) -> Tuple[tf.Tensor, tf.Tensor, Dict[str, base.Reported]]:
        """Computes the target and weight of each pseudo-labelled pixel.

        Args:
            labels: float32 [n, h, w, C], one-hot pseudo labels, zeros where ignored.
            confidence: float32 [n, h, w], confidence of the network that gave them.
            probs: float32 [n, h, w, C], predictions of the network in training in this
                step, without gradient.

        Returns:
            Targets float32 [n, h, w, C], weights float32 [n, h, w], numbers to report.
        """
        raise NotImplementedError

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Computes Eq. 7 to 10 per pixel; N counts pixels that are not ignored."""
        classes = self.facts.num_classes
        y, known = segmentation_sgd.with_labels(batch["y"], classes)
        q, kept = segmentation_sgd.with_labels(batch["u_label"], classes)
        images = tf.concat([batch["x"], batch["u"]], 0)
        logits = self.network(images, training=True)
        labeled = tf.shape(y)[0]
        log_probs = tf.nn.log_softmax(logits)
        probs = tf.stop_gradient(tf.exp(log_probs)[labeled:])
        q, weights, reports = self.weigh(q, batch["u_confidence"], probs)
        values = cross_entropy_of_log_probs(tf.concat([y, q], 0), log_probs)
        values *= tf.concat([known, weights], 0)
        term = base.Term(values, tf.concat([known, kept], 0))
        parts = {
            "loss_x": (values[:labeled], known),
            "loss_u": (values[labeled:], kept),
        }
        return {"loss_xu": term}, {**parts, **reports}
