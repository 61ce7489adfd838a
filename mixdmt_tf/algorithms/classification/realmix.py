"""RealMix: MixMatch with augmented copies, annealing and an out-of-distribution mask.

Nair, Fuentes Alonso and Beltramelli 2019 (arXiv:1912.08766), algorithms 1 and 2. It is
MixMatch (`mixmatch.py`) with three additions: unlabelled images come as precomputed
augmented copies (section 3.1, `mixdmt_tf/data/classification/copies.py`), training
signal annealing leaves out labelled rows on which the network is too confident (section
3.5), and out-of-distribution masking leaves out the unlabelled rows that look least
like any class (section 3.4).

Where the released code differs from the paper in a way that affects results, settings
offer both. Defaults follow the paper; `flags/realmix/released.flags` follows the
release.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, List, Tuple

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.classification import mixmatch
from mixdmt_tf.algorithms.parts import ood_mask, ood_settings
from mixdmt_tf.algorithms.parts.consistency import guess_reports
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import (
    cross_entropy,
    guess_label,
    squared_error,
    tsa_mask,
    tsa_mask_released,
    tsa_threshold,
)
from mixdmt_tf.models import features
from mixdmt_tf.models.layers.normalization import frozen_statistics
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Annealing:
    """Settings of training signal annealing, section 3.5."""

    tsa: str = setting(
        "auto",
        "schedule of training signal annealing, which leaves labelled images out as "
        "long as the network is too sure of them; auto: linear up to 250 labels, none "
        "above, as section 3.5 finds",
        choices=("auto", "none", "linear", "log", "exp"),
    )
    tsa_steps: int = setting(
        0, "steps over which annealing releases all labels; 0: the whole run", low=0
    )
    tsa_target: str = setting(
        "label",
        "what the threshold is compared with; label: intended; logit: as released, "
        "which masks almost nothing",
        choices=("label", "logit"),
    )


@dataclasses.dataclass(frozen=True)
class Config(Annealing, mixmatch.Config, ood_settings.Config):
    """Settings of RealMix; the paper follows MixMatch where it gives no value."""


class RealMix(mixmatch.MixMatch):
    """RealMix, algorithms 1 and 2."""

    reported = (
        *mixmatch.MixMatch.reported,
        "tsa_threshold",
        "tsa_kept",
        "ood_kept",
        "ood_precision",
        *ood_mask.REPORTED,
    )

    def __init__(self, network, config, facts):
        """Adds the state of the mask; arguments as in `base.Algorithm`.

        Raises:
            UsageError: if the mask's score needs pretrained weights and there are none.
        """
        super().__init__(network, config, facts)
        self.ood = ood_mask.OodMask(network, self.config, facts)
        self.two_outputs = None
        if self.ood.asks_features:
            self.two_outputs = features.with_features(network, config.ood_layer)

    def begin(self, pipeline: Any) -> None:
        """Prepares the mask before the first step, from the run's images."""
        self.ood.begin(pipeline)

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """As MixMatch, from 50 copies with random erasing."""
        plain = super().recipe(config)
        # Scores per image and stored features of labelled images need image indices.
        indices = ood_mask.asks_indices(config)
        return dataclasses.replace(
            plain, copies=50, copies_augment="cutout", indices=indices
        )

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Computes equations 1 and 2."""
        config, step = self.config, batch["step"]
        mixed = self.mixed_up(batch)
        probs_u = tf.nn.softmax(mixed.logits_u)

        # L_x, section 3.5: rows on which the network is too confident do not count.
        eta, tsa = self.training_signal(step, mixed.labels_x, mixed.logits_x)

        # L_u, section 3.4: rows that look out of distribution do not count.
        self.ood.remember(self.network, batch)
        in_distribution = self.ood(batch, self.ranked(mixed), mixed.views)

        lambda_u = self.lambda_u(step)
        learned, truth = in_distribution, batch["u_truth"]
        over_all = config.ood_mean == "all"
        if mixed.known_u is not None:  # multi-label images, which have no mask
            learned, truth, over_all = mixed.known_u, truth[:, 0], False
        truth = tf.tile(truth, [config.guesses])
        masked = (in_distribution == 0) & (truth != -1)
        return (
            {
                "loss_x": base.Term(cross_entropy(mixed.labels_x, mixed.logits_x), tsa),
                "loss_u": base.Term(
                    squared_error(mixed.labels_u, probs_u), learned, lambda_u, over_all
                ),
            },
            {
                "lambda_u": lambda_u,
                **guess_reports(mixed.p, batch["u_truth"]),
                "tsa_threshold": eta,
                "tsa_kept": tsa,
                "ood_kept": in_distribution,
                # Among masked rows of known origin, the share of none of the classes.
                "ood_precision": (tf.cast(truth < -1, tf.float32), masked),
                **self.ood.reports(),
            },
        )

    def guess(self, views: List[tf.Tensor]) -> Tuple[tf.Tensor, tf.Tensor]:
        """As MixMatch, but returns features of the views if the mask uses them."""
        if not self.ood.asks_features:
            return super().guess(views)
        with frozen_statistics(self.network):
            found = [self.two_outputs(view, training=True) for view in views]
        logits = tf.stack([each for _, each in found])
        return guess_label(tf.nn.softmax(logits)), tf.stack([each for each, _ in found])

    def ranked(self, mixed: mixmatch.Mixed) -> tf.Tensor:
        """Returns the logits [K b, C] that the mask ranks, if it ranks logits."""
        if self.config.ood_confidence == "mixed" or self.ood.asks_features:
            return mixed.logits_u
        # Average over the views: of probabilities if the score uses them, else logits.
        averaged = tf.reduce_mean(mixed.views, 0)
        if self.config.ood_score in ("softmax", "margin"):
            averaged = tf.math.log(tf.maximum(mixed.p, 1e-30))
        return tf.tile(averaged, [self.config.guesses, 1])

    def training_signal(
        self, step: tf.Tensor, labels: tf.Tensor, logits: tf.Tensor
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """Returns threshold [] and mask [b] of training signal annealing (3.5)."""
        config, facts = self.config, self.facts
        schedule = config.tsa
        if schedule == "auto":
            schedule = "linear" if facts.labels <= 250 else "none"
        if schedule == "none":
            return tf.constant(1.0), tf.ones(tf.shape(labels)[:-1])
        total = config.tsa_steps or facts.steps
        eta = tsa_threshold(schedule, step, total, facts.num_classes)
        mask = tsa_mask if config.tsa_target == "label" else tsa_mask_released
        return eta, mask(labels, logits, eta)
