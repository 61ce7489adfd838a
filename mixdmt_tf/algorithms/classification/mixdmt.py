"""MixDMT: learners of RealMix in the rounds of DMT.

Both methods learn from pseudo labels. RealMix (arXiv:1912.08766) guesses labels anew in
each step, from the mean prediction over its views, and mixes all rows. The guesses are
the network's own, so it confirms its mistakes. DMT (arXiv:2004.08514) learns from the
pseudo labels of another network, weighted by its own predictions, and learns nothing
from images on which the two disagree. MixDMT uses both for each unlabelled image: with
w, the weight of DMT's Eq. 6, the target is

    t = w y_A + (1 - w) sharpen(p_B),

the other network's label to the degree that this network trusts it, and its own
sharpened guess for the rest (DivideMix, arXiv:2002.07394, Eq. 3). Images whose pseudo
label was not kept, or is not trusted, are still used, with w = 0 (`--unkept=false`
leaves out the former, as DMT does). Targets, images and weights are mixed with those of
all other rows. RealMix's mask leaves out images that look like none of the classes.

    L = L_x + lambda_p mean w' H(t', p) + lambda_u mean (t' - p)^2

Here ' denotes mixed values, H is the cross-entropy, L_x that of the labelled rows, and
means are over the unlabelled rows that the mask keeps. With w = 0 everywhere and no
mask, this is MixMatch. The base models are trained with RealMix. In this form, the
cross-entropy pulls towards y_A by w^2. With `--refine=false` it is that of DMT,
w' H(y_A', p), and the squared error is that of MixMatch, with target sharpen(p_B)'.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Tuple

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.classification import dmt, mixmatch, realmix
from mixdmt_tf.algorithms.parts import (
    classification_rounds,
    label_sources,
    ood_mask,
    ood_settings,
    rounds,
    weighting,
)
from mixdmt_tf.algorithms.parts.consistency import guess_reports
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import (
    cross_entropy,
    dynamic_weight,
    mix,
    refine,
    sharpen,
    squared_error,
)
from mixdmt_tf.settings import override, setting


@dataclasses.dataclass(frozen=True)
class Config(
    realmix.Annealing,
    rounds.Rounds,
    label_sources.LabelSource,
    classification_rounds.Selection,
    dmt.Gammas,
    ood_settings.Config,
    mixmatch.Config,
):
    """Settings of rounds, of the dynamic weight, and of RealMix."""

    tsa: str = override("auto", "for the base models only: in rounds all labels count")
    base: str = setting(
        "realmix",
        "method of the base models; dmt_baseline: labels alone, with MixUp, as in DMT; "
        "takes a third of the time",
        choices=("realmix", "dmt_baseline"),
    )
    base_augment: str = setting(
        "randaugment_dmt",
        "augmentation of every image after shift and flip, with base=dmt_baseline",
        choices=("randaugment_dmt", "randaugment_fixmatch", "autoaugment", "none"),
    )
    base_learning_rate: float = override(0.002, "RealMix's")
    base_batch: int = override(64)
    unlabeled_ratio: int = override(1, "as RealMix; each is shown in K views")
    restart: bool = override(False)
    models: int = override(2)
    gamma1: float = override(2.0)
    gamma2: float = override(2.0)
    gamma_ramp: bool = override(False, "it is meant for rounds with restart")
    lambda_p: float = setting(
        1.0, "weight of the cross-entropy with the other network's labels", low=0.0
    )
    refine: bool = setting(
        True,
        "combine the other network's label and the network's own guess into one "
        "target; off: the label is the target of the cross-entropy, the guess that of "
        "the squared error",
    )
    unkept: bool = setting(
        True,
        "also learn from images whose pseudo label was not kept, by the network's own "
        "guesses; off: from the kept ones alone, as DMT, of which a step then has more",
    )


class MixDMT(realmix.RealMix):
    """MixDMT, the training step of a round."""

    loop = "rounds"
    base_method = "realmix"
    several_labels = False
    reported = (
        "loss_x",
        "loss_p",
        "loss_u",
        "lambda_u",
        "guess_confidence",
        "guess_accuracy",
        *weighting.CASES,
        "weight",
        "weight_right",
        "weight_wrong",
        "ood_kept",
        *ood_mask.REPORTED,
    )

    @classmethod
    def recipe(cls, config: Any) -> Recipe:
        """As RealMix, with the other network's labels of all unlabelled images."""
        ratio, views = config.unlabeled_ratio, config.guesses
        joint = config.mixup == "joint"
        groups = (1 + views * ratio,) if joint else (1, views * ratio)
        return dataclasses.replace(
            super().recipe(config),
            unlabeled_ratio=ratio,
            mixup_groups=groups,
            pseudo=True,
            unkept=config.unkept,
        )

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Computes the three terms of the loss."""
        config: Any = self.config
        views = tf.unstack(batch["u"], axis=1)  # K times [n, H, W, channels]
        p, outputs = self.guess(views)  # [n, C]
        labels = tf.one_hot(batch["u_label"], self.facts.num_classes)
        if config.unkept:
            labels *= batch["u_kept"][:, None]
        gammas = config.at(batch, self.facts.steps)
        trust = dynamic_weight(labels, batch["u_confidence"], p, *gammas)
        theirs, own = labels, sharpen(p, config.temperature)
        if config.refine:
            theirs = own = refine(labels, own, trust)
        trust *= batch["u_weight"]
        mixed, targets, weights = self.mixed(
            batch, views, (p, outputs), (theirs, own), trust
        )

        probs = tf.nn.softmax(mixed.logits_u)
        self.ood.remember(self.network, batch)
        inside = self.ood(batch, self.ranked(mixed), mixed.views)
        lambda_u = self.lambda_u(batch["step"])
        peers = weights * cross_entropy(mixed.labels_u, mixed.logits_u)
        squares = squared_error(targets, probs)
        cases = weighting.cases(labels, batch["u_confidence"], p)
        kept = tf.reduce_sum(labels, -1)
        over_all = config.ood_mean == "all"
        return (
            {
                "loss_x": base.Term(cross_entropy(mixed.labels_x, mixed.logits_x)),
                "loss_p": base.Term(peers, inside, config.lambda_p, over_all),
                "loss_u": base.Term(squares, inside, lambda_u, over_all),
            },
            {
                "lambda_u": lambda_u,
                **guess_reports(p, batch["u_truth"]),
                **{name: (case, kept) for name, case in cases.items()},
                **classification_rounds.weight_reports(trust, batch),
                "weight": (trust, kept),
                "ood_kept": inside,
                **self.ood.reports(),
            },
        )

    def mixed(
        self,
        batch: Dict[str, tf.Tensor],
        views: Any,
        guessed: Tuple[tf.Tensor, tf.Tensor],
        targets: Tuple[tf.Tensor, tf.Tensor],
        trust: tf.Tensor,
    ) -> Tuple[mixmatch.Mixed, tf.Tensor, tf.Tensor]:
        """Mixes images, targets and weights, and predicts the mixed images.

        Args:
            batch: batch of the step.
            views: K tensors float32 [n, H, W, channels].
            guessed: what `guess` returned, with guesses float32 [n, C].
            targets: targets of the cross-entropy and of the squared error, float32
                [n, C].
            trust: float32 [n], weights of the pseudo labels; true labels have weight 1.

        Returns:
            The mixed rows with the targets of the cross-entropy; for the unlabelled
            rows, the targets of the squared error, float32 [K n, C], and the weights,
            float32 [K n].
        """
        y, number = tf.one_hot(batch["y"], self.facts.num_classes), len(views)

        def mixed_up(labeled: tf.Tensor, unlabeled: Any) -> tf.Tensor:
            rows = tf.concat([labeled, *unlabeled], 0)
            return mix(rows, tf.gather(rows, batch["partner"]), batch["lam"])

        images = mixed_up(batch["x"], views)
        theirs, own = (mixed_up(y, [each] * number) for each in targets)
        weights = mixed_up(tf.ones_like(batch["x_weight"]), [trust] * number)
        blocks = 1 + number * self.config.unlabeled_ratio
        logits_x, logits_u = self.forward(images, blocks)
        rows = [tf.shape(y)[0], -1]
        labels_x, labels_u = tf.split(theirs, rows)
        found = mixmatch.Mixed(*guessed, labels_x, logits_x, labels_u, logits_u)
        return found, tf.split(own, rows)[1], tf.split(weights, rows)[1]
