"""What DMT shares with the methods that learn in rounds from fixed pseudo labels.

Dynamic Mutual Training (arXiv:2004.08514), algorithm 1 and section 5.2.2: a network
trained on the labels predicts pseudo labels for the other images. A new network learns
from the labels and the most confident pseudo labels together, and so on; each round
uses more pseudo labels. The methods differ in the weights of pseudo labels (`weigh`)
and in which network teaches which. The loop itself is `rounds/loop.py`.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Optional, Tuple

import keras
import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.parts import dmt_sgd, label_sources, rounds
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import cross_entropy, mix
from mixdmt_tf.settings import override, setting

assumes = {"batch": 64}  # Table 1, row 8: 64 labelled and 448 pseudo-labelled images


@dataclasses.dataclass(frozen=True)
class Selection:
    """Settings of pseudo-label selection, and of which network is the result."""

    count: str = setting(
        "exact",
        "which labels are kept; exact: the round(alpha N) most confident ones; "
        "released: alpha N - 2, as DMT's release; per_class: the most confident share "
        "alpha of each predicted class, as for pixels (algorithm 2), so that classes "
        "that the network is less sure of are learned, too",
        choices=("exact", "released", "per_class"),
    )
    teachers: str = setting(
        "last",
        "which networks label; last: that of the round before; all: the mean of its "
        "probabilities and of those of its own teachers down to the base model, of "
        "which N x C x 4 bytes are kept",
        choices=("last", "all"),
    )
    candidates: Optional[int] = setting(
        None,
        "label only this many unlabelled images, drawn once for the run; fractions are "
        "shares of these; none: all; a short round reads few of them",
        low=1,
    )
    select_on: str = setting(
        "best",
        "which network is the result; best: the one with the smallest validation "
        "error among base models and rounds, of equal ones the latest; last: the last "
        "round's (the first model's); valtiny: as best, but of two models among the "
        "last round's (algorithm 2, step 17; appendix C holds out 200 images: "
        "--validation=200); mean: one whose weights are the means of those of all "
        "rounds' networks, which began alike with published weights (model soups)",
        choices=("best", "last", "valtiny", "mean"),
    )


@dataclasses.dataclass(frozen=True)
class Config(
    rounds.Rounds,
    label_sources.LabelSource,
    Selection,
    dmt_sgd.Mixup,
    dmt_sgd.Defaults,
    base.Config,
):
    """Settings of rounds, DMT section 5.2.2 and appendix B."""

    learning_rate: float = override(0.1, "of a round")
    base_learning_rate: float = override(0.2, "appendix B")
    base_epochs: float = override(300.0, "appendix B")
    unlabeled_ratio: int = override(
        7, "Table 1; 31 with 1,000 labels, where a batch has 16 labelled ones"
    )


class Round(base.Algorithm):
    """Base class of one round: labels and weighted pseudo labels in one mixed batch.

    A method defines the weights of pseudo labels in `weigh`.
    """

    loop = "rounds"
    weighs_labels = True  # weights are mixed as images are
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
            border=dmt_sgd.BORDER,
            pseudo=True,
        )

    def weigh(
        self, batch: Dict[str, tf.Tensor], images: tf.Tensor, labels: tf.Tensor
    ) -> Tuple[tf.Tensor, tf.Tensor, Dict[str, base.Reported]]:
        """Computes the target and weight of each pseudo-labelled image.

        Args:
            batch: the whole batch.
            images: float32 [b + n, H, W, C], labelled and then pseudo-labelled images,
                not mixed.
            labels: float32 [n, C], one-hot pseudo labels.

        Returns:
            Targets float32 [n, C], weights float32 [n], and numbers to report.
        """
        raise NotImplementedError

    def given(self, batch: Dict[str, tf.Tensor]) -> Tuple[tf.Tensor, tf.Tensor]:
        """Returns images [b + n, H, W, channels] and one-hot pseudo labels [n, C]."""
        images = tf.concat([batch["x"], batch["u"][:, 0]], 0)
        return images, tf.one_hot(batch["u_label"], self.facts.num_classes)

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Computes Eq. 7 to 10 on mixed images."""
        images, labels = self.given(batch)
        q, weights_u, reports = self.weigh(batch, images, labels)
        return self.learn(self.network, batch, images, q, weights_u), reports

    def learn(
        self,
        network: keras.Model,
        batch: Dict[str, tf.Tensor],
        images: tf.Tensor,
        q: tf.Tensor,
        weights_u: tf.Tensor,
    ) -> Dict[str, base.Term]:
        """Returns the terms of labels and pseudo labels, both divided by all N rows.

        The batch has further weights for labels, and for pseudo labels from a graph.

        Args:
            network: the network to train.
            batch: the whole batch.
            images: float32 [b + n, H, W, channels].
            q: float32 [n, C], targets of the pseudo-labelled images.
            weights_u: float32 [n], their weights.
        """
        config = self.config
        y = tf.one_hot(batch["y"], self.facts.num_classes)
        targets = tf.concat([y, q], 0)
        weights = tf.concat([batch["x_weight"], batch["u_weight"] * weights_u], 0)
        if config.mixup_beta:
            partner, lam = batch["partner"], batch["lam"]
            images = mix(images, tf.gather(images, partner), lam)
            targets = mix(targets, tf.gather(targets, partner), lam)
            weights = mix(weights, tf.gather(weights, partner), lam)
        values = weights * cross_entropy(targets, network(images, training=True))
        labeled, ratio = tf.shape(y)[0], config.unlabeled_ratio
        return {
            "loss_x": base.Term(values[:labeled], weight=1 / (1 + ratio)),
            "loss_u": base.Term(values[labeled:], weight=ratio / (1 + ratio)),
        }


def weight_reports(
    weights: tf.Tensor, batch: Dict[str, tf.Tensor]
) -> Dict[str, base.Reported]:
    """Reports the mean weight of all, of right and of wrong pseudo labels, if known.

    Args:
        weights: float32 [n], weights of the pseudo-labelled images.
        batch: with `u_label` and `u_truth`; with `u_kept`, only kept labels count as
            right or wrong.
    """
    truth = batch["u_truth"]
    kept = batch.get("u_kept", tf.ones_like(weights))
    right = tf.equal(batch["u_label"], truth)
    # Any label of an image that is known to be of none of the classes is wrong.
    wrong = ~right & tf.not_equal(truth, -1)

    def share(which: Any) -> tf.Tensor:
        return kept * tf.cast(which, tf.float32)

    return {
        "weight": weights,
        "weight_right": (weights, share(right)),
        "weight_wrong": (weights, share(wrong)),
    }
