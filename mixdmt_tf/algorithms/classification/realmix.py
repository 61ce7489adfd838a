"""RealMix: MixMatch with augmented copies, annealing and an out-of-distribution mask.

Nair, Fuentes Alonso and Beltramelli 2019 (arXiv:1912.08766), algorithms 1 and 2. It is
MixMatch (`mixmatch.py`) with three additions: unlabelled images come as precomputed
augmented copies (section 3.1, `mixdmt_tf/data/copies.py`), training signal annealing
leaves out labelled rows that are known too well (section 3.5), and out-of-distribution
masking leaves out the unlabelled rows that look least like any class (section 3.4).

Where the released code differs from the paper and it changes numbers, both are
settings; defaults are what the paper intends, `flags/realmix/released.flags` is the
release.
"""

from __future__ import annotations

import dataclasses
from typing import Dict, Optional, Tuple

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.classification import mixmatch
from mixdmt_tf.algorithms.parts.consistency import guess_reports
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import (
    cross_entropy,
    ood_mask,
    squared_error,
    tsa_mask,
    tsa_mask_released,
    tsa_threshold,
)
from mixdmt_tf.settings import setting

# At a mismatch of 100 % the paper's rate, the level itself, would leave nothing.
HIGHEST_RATE = 0.9


@dataclasses.dataclass(frozen=True)
class Config(mixmatch.Config):
    """Settings of RealMix; the paper follows MixMatch where it names no value."""

    tsa: str = setting(
        "auto",
        "schedule of training signal annealing; auto: linear up to 250 labels, none "
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
    ood_rate: Optional[float] = setting(
        None,
        "mu, share of the unlabelled rows of each batch that is masked as out of "
        "distribution, section 3.4; 0: no mask; default: the level of --mismatch, at "
        "most .9",
        low=0.0,
        high=0.999,
    )
    ood_confidence: str = setting(
        "mixed",
        "whose confidence the mask ranks; mixed: predictions on the mixed-up rows (the "
        "release); guess: the averaged guess before sharpening",
        choices=("mixed", "guess"),
    )


class RealMix(mixmatch.MixMatch):
    """RealMix, Algorithms 1 and 2."""

    reported = (
        *mixmatch.MixMatch.reported,
        "tsa_threshold",
        "tsa_kept",
        "ood_kept",
        "ood_precision",
    )

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """That of MixMatch, from 50 copies with random erasing."""
        plain = super().recipe(config)
        return dataclasses.replace(plain, copies=50, copies_augment="cutout")

    def step_losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Equations 1 and 2."""
        config, step = self.config, batch["step"]
        mixed = self.mixed_up(batch)
        probs_u = tf.nn.softmax(mixed.logits_u)

        # L_x, section 3.5: rows that are already known too well do not count.
        eta, tsa = self.training_signal(step, mixed.labels_x, mixed.logits_x)

        # L_u, section 3.4: rows that look out of distribution do not count.
        views = config.guesses
        guessed = config.ood_confidence == "guess"
        ranked = tf.tile(mixed.p, [views, 1]) if guessed else probs_u
        in_distribution = ood_mask(tf.reduce_max(ranked, -1), self.ood_rate)

        lambda_u = self.lambda_u(step)
        truth = tf.tile(batch["u_truth"], [views])
        masked = (in_distribution == 0) & (truth != -1)
        return (
            {
                "loss_x": base.Term(cross_entropy(mixed.labels_x, mixed.logits_x), tsa),
                "loss_u": base.Term(
                    squared_error(mixed.labels_u, probs_u), in_distribution, lambda_u
                ),
            },
            {
                "lambda_u": lambda_u,
                **guess_reports(mixed.p, batch["u_truth"]),
                "tsa_threshold": eta,
                "tsa_kept": tsa,
                "ood_kept": in_distribution,
                # Of the masked rows whose origin is known, those from elsewhere.
                "ood_precision": (tf.cast(truth < -1, tf.float32), masked),
            },
        )

    @property
    def ood_rate(self) -> float:
        """The share mu that the out-of-distribution mask leaves out, in [0, 1)."""
        if self.config.ood_rate is not None:
            return self.config.ood_rate
        return min(self.facts.mismatch, HIGHEST_RATE)

    def training_signal(
        self, step: tf.Tensor, labels: tf.Tensor, logits: tf.Tensor
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """Threshold [] and mask [b] of training signal annealing, section 3.5."""
        config, facts = self.config, self.facts
        schedule = config.tsa
        if schedule == "auto":
            schedule = "linear" if facts.labels <= 250 else "none"
        if schedule == "none":
            return tf.constant(1.0), tf.ones(tf.shape(labels)[:1])
        total = config.tsa_steps or facts.steps
        eta = tsa_threshold(schedule, step, total, facts.num_classes)
        mask = tsa_mask if config.tsa_target == "label" else tsa_mask_released
        return eta, mask(labels, logits, eta)
