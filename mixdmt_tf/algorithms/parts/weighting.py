"""What a pseudo label is worth: the rules of DMT, its ablations, and none.

Dynamic Mutual Training (arXiv:2004.08514) section 4.1, Eq. 6, and section 5.4, Table 7.
A rule takes pseudo labels float32 [..., C] (one-hot; zeros where ignored), their
confidence c_A [...], what network B predicts [..., C], and (gamma_1, gamma_2), and
returns targets [..., C] and weights [...], both without gradient. Images and pixels
are weighed alike.
"""

from __future__ import annotations

import dataclasses
from typing import Dict, Tuple

import tensorflow as tf

from mixdmt_tf.equations import (
    disagreement_cases,
    dynamic_weight,
    flipped_label,
    flipped_weight,
    naive_weight,
)
from mixdmt_tf.settings import setting

CASES = ("agree", "negative", "positive")  # of Eq. 6, as `disagreement_cases` has them

Powers = Tuple[tf.Tensor, tf.Tensor]
Weighed = Tuple[tf.Tensor, tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Gammas:
    """The powers of Eq. 6; to be combined with the other settings of a method."""

    gamma1: float = setting(
        4.0, "gamma_1 of Eq. 6: power of the weight in agreement", low=0.0
    )
    gamma2: float = setting(
        4.0, "gamma_2 of Eq. 6: power of the weight in negative disagreement", low=0.0
    )


def alike(labels: tf.Tensor) -> Weighed:
    """No rule: every pseudo label that is not ignored is taken for true."""
    return labels, tf.reduce_sum(labels, -1)


def dynamic(
    labels: tf.Tensor, confidence: tf.Tensor, probs: tf.Tensor, gammas: Powers
) -> Weighed:
    """DMT, Eq. 6."""
    return labels, dynamic_weight(labels, confidence, probs, *gammas)


def naive(
    labels: tf.Tensor, confidence: tf.Tensor, probs: tf.Tensor, gammas: Powers
) -> Weighed:
    """DMT-Naive: p_B^gamma_1 in all cases, even where network B is surer."""
    return labels, naive_weight(labels, probs, gammas[0])


def flipped(
    labels: tf.Tensor, confidence: tf.Tensor, probs: tf.Tensor, gammas: Powers
) -> Weighed:
    """DMT-Flip: in positive disagreement network B's class, (1 - c_A)^gamma_2."""
    return (
        flipped_label(labels, confidence, probs),
        flipped_weight(labels, confidence, probs, *gammas),
    )


def cases(
    labels: tf.Tensor, confidence: tf.Tensor, probs: tf.Tensor
) -> Dict[str, tf.Tensor]:
    """Which case of Eq. 6 each pseudo label is, float32 [...] of zeros and ones."""
    found = disagreement_cases(labels, confidence, probs)
    return dict(zip(CASES, tf.unstack(found, axis=-1)))
