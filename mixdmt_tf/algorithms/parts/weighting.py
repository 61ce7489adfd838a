"""What a pseudo label is worth: the rules of DMT, its ablations, and none.

Dynamic Mutual Training (arXiv:2004.08514) section 4.1, Eq. 6, and section 5.4, Table 7.
A rule takes pseudo labels float32 [..., C] (one-hot; zeros where ignored), their
confidence c_A [...], the predictions of network B [..., C], and (gamma_1, gamma_2). It
returns targets [..., C] and weights [...], both without gradient. The same rules serve
images and pixels.
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
    """Equal weights: every pseudo label that is not ignored counts 1."""
    return labels, tf.reduce_sum(labels, -1)


def dynamic(
    labels: tf.Tensor, confidence: tf.Tensor, probs: tf.Tensor, gammas: Powers
) -> Weighed:
    """Dynamic weights of DMT, Eq. 6."""
    return labels, dynamic_weight(labels, confidence, probs, *gammas)


def naive(
    labels: tf.Tensor, confidence: tf.Tensor, probs: tf.Tensor, gammas: Powers
) -> Weighed:
    """Weights of DMT-Naive: p_B^gamma_1 in all cases, even if B is more confident."""
    return labels, naive_weight(labels, probs, gammas[0])


def flipped(
    labels: tf.Tensor, confidence: tf.Tensor, probs: tf.Tensor, gammas: Powers
) -> Weighed:
    """Labels and weights of DMT-Flip.

    In positive disagreement the target is network B's class, with weight
    (1 - c_A)^gamma_2.
    """
    return (
        flipped_label(labels, confidence, probs),
        flipped_weight(labels, confidence, probs, *gammas),
    )


def cases(
    labels: tf.Tensor, confidence: tf.Tensor, probs: tf.Tensor
) -> Dict[str, tf.Tensor]:
    """Returns a mask for each case of Eq. 6, float32 [...] of zeros and ones."""
    return dict(zip(CASES, disagreement_cases(labels, confidence, probs)))
