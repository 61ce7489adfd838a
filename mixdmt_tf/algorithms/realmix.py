"""RealMix: semi-supervised learning that survives unlabelled data from elsewhere.

Nair, Fuentes Alonso and Beltramelli 2019. Unlabelled images come as precomputed
augmented copies (section 3.1, `mixdmt_tf/data/copies.py`). One step then follows
Algorithms 1 and 2: guess labels from K views, sharpen, MixUp, cross-entropy with
training signal annealing, squared error with out-of-distribution masking.

Where the released code differs from the paper and it changes numbers, both are
settings; defaults are what the paper intends, `flags/realmix/released.flags` is the
release.
"""

from __future__ import annotations

import dataclasses
from typing import Dict, List

import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.data.recipe import Recipe
from mixdmt_tf.equations import (
    cross_entropy,
    guess_label,
    interleave,
    linear_ramp,
    mix,
    ood_mask,
    sharpen,
    squared_error,
    tsa_mask,
    tsa_mask_released,
    tsa_threshold,
)
from mixdmt_tf.models.normalization import frozen_statistics
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config(base.Config):
    """Settings of RealMix; the paper follows MixMatch where it names no value."""

    lambda_u: float = setting(
        75.0, "weight of the unlabelled loss after its ramp (SVHN: 250)", low=0.0
    )
    lambda_u_ramp: int = setting(
        16384, "steps over which lambda_u grows linearly from 0", low=0
    )
    guesses: int = setting(2, "K, augmentations whose predictions are averaged", low=1)
    temperature: float = setting(0.5, "T of the sharpening, equation 3", low=1e-6)
    mixup_beta: float = setting(
        0.75, "both parameters of the Beta distribution of equation 4", low=1e-3
    )
    mixup: str = setting(
        "joint",
        "joint: partners from labelled and unlabelled rows together (the release, as "
        "MixMatch); separate: labelled with labelled (the paper's wording)",
        choices=("joint", "separate"),
    )
    interleave: bool = setting(
        True, "interleave labelled and unlabelled rows for batch normalization"
    )
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
    ood_rate: float = setting(
        0.0,
        "mu, share of the unlabelled rows of each batch that is masked as out of "
        "distribution, section 3.4; 0: no mask",
        low=0.0,
        high=0.999,
    )
    ood_confidence: str = setting(
        "mixed",
        "whose confidence the mask ranks; mixed: predictions on the mixed-up rows (the "
        "release); guess: the averaged guess before sharpening",
        choices=("mixed", "guess"),
    )


class Method(base.Algorithm):
    """RealMix, Algorithms 1 and 2."""

    reported = (
        "loss_x",
        "loss_u",
        "lambda_u",
        "tsa_threshold",
        "tsa_kept",
        "ood_kept",
        "guess_confidence",
        "guess_accuracy",
    )

    @classmethod
    def recipe(cls, config: Config) -> Recipe:
        """K views of each unlabelled image and MixUp draws for 1 + K blocks."""
        views = config.guesses
        groups = (1 + views,) if config.mixup == "joint" else (1, views)
        return Recipe(views, groups, config.mixup_beta)

    def losses(self, batch: Dict[str, tf.Tensor]) -> base.Losses:
        """Algorithm 1 from the guessed labels on; equation 2."""
        config, step = self.config, batch["step"]
        x, y = batch["x"], tf.one_hot(batch["y"], self.task.num_classes)
        u = tf.unstack(batch["u"], axis=1)  # K times [b, H, W, C]

        # Algorithm 2: one guess per image, shared by its K views.
        p = self.guess(u)  # [b, C]
        q = sharpen(p, config.temperature)

        # Equations 4 to 7: every row is mixed with its partner row.
        own_images, own_labels = tf.concat([x, *u], 0), tf.concat([y] + [q] * len(u), 0)
        partner_images = tf.gather(own_images, batch["partner"])
        partner_labels = tf.gather(own_labels, batch["partner"])
        images = mix(own_images, partner_images, batch["lam"])
        labels = mix(own_labels, partner_labels, batch["lam"])

        logits_x, logits_u = self.forward(images, blocks=1 + len(u))
        labels_x, labels_u = tf.split(labels, [tf.shape(y)[0], -1])

        # L_x, section 3.5: rows that are already known too well do not count.
        eta, tsa = self.training_signal(step, labels_x, logits_x)

        # L_u, section 3.4: rows that look out of distribution do not count.
        probs_u = tf.nn.softmax(logits_u)
        guessed = config.ood_confidence == "guess"
        ranked = tf.tile(p, [len(u), 1]) if guessed else probs_u
        in_distribution = ood_mask(tf.reduce_max(ranked, -1), config.ood_rate)

        lambda_u = config.lambda_u * linear_ramp(step, config.lambda_u_ramp)
        truth = batch["u_truth"]
        hits = tf.equal(tf.argmax(p, -1, tf.int32), truth)
        return (
            {
                "loss_x": base.Term(cross_entropy(labels_x, logits_x), tsa),
                "loss_u": base.Term(
                    squared_error(labels_u, probs_u), in_distribution, lambda_u
                ),
            },
            {
                "lambda_u": lambda_u,
                "tsa_threshold": eta,
                "tsa_kept": tsa,
                "ood_kept": in_distribution,
                "guess_confidence": tf.reduce_max(p, -1),
                "guess_accuracy": (tf.cast(hits, tf.float32), truth >= 0),
            },
        )

    def guess(self, views: List[tf.Tensor]) -> tf.Tensor:
        """Average prediction over the views, float32 [b, C], without gradient.

        Algorithm 2, line 7. One pass per view in training mode with the raw weights;
        none of them touches batch normalization's running statistics.
        """
        with frozen_statistics(self.network):
            logits = [self.network(view, training=True) for view in views]
        return guess_label(tf.nn.softmax(tf.stack(logits)))

    def forward(self, images: tf.Tensor, blocks: int):
        """Logits of the labelled block and of all unlabelled blocks.

        The blocks are interleaved so that each pass sees labelled and unlabelled rows
        alike, and only the first pass updates batch normalization's statistics.

        Args:
            images: float32 [blocks b, H, W, C], the labelled block first.
            blocks: number of blocks.

        Returns:
            float32 [b, C] and [(blocks - 1) b, C].
        """
        batches = tf.split(images, blocks)
        if self.config.interleave:
            batches = interleave(batches)
        logits = [self.network(batches[0], training=True)]
        with frozen_statistics(self.network):
            logits += [self.network(batch, training=True) for batch in batches[1:]]
        if self.config.interleave:
            logits = interleave(logits)  # it is its own inverse
        return logits[0], tf.concat(logits[1:], 0)

    def training_signal(self, step: tf.Tensor, labels: tf.Tensor, logits: tf.Tensor):
        """Threshold [] and mask [b] of training signal annealing, section 3.5."""
        config, task = self.config, self.task
        schedule = config.tsa
        if schedule == "auto":
            schedule = "linear" if task.labels <= 250 else "none"
        if schedule == "none":
            return tf.constant(1.0), tf.ones(tf.shape(labels)[:1])
        total = config.tsa_steps or task.steps
        eta = tsa_threshold(schedule, step, total, task.num_classes)
        mask = tsa_mask if config.tsa_target == "label" else tsa_mask_released
        return eta, mask(labels, logits, eta)
