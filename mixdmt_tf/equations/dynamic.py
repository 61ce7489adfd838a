"""Weights of DMT's dynamic loss: how far two networks agree on a pseudo label.

Dynamic Mutual Training (arXiv:2004.08514) section 4.1.1. Network A has predicted pseudo
labels y_A with confidence c_A. Network B learns them, each weighted by B's own
prediction. The loss of Eq. 7 is weight * `losses.cross_entropy`; a labelled example has
weight 1 (Eq. 9). Eq. 7 and 9 divide by the batch size, including examples of weight 0.

Labels are one-hot. A row of zeros is an example without a label, which is in none of
the cases and has weight 0. `tf.one_hot` turns 255 (an ignored pixel) and -1 into such
rows.
"""

from __future__ import annotations

from typing import Tuple

import tensorflow as tf

from mixdmt_tf.equations.contracts import require_rank, require_same_shape
from mixdmt_tf.equations.targets import hard_label


def disagreement_cases(
    labels: tf.Tensor, confidence: tf.Tensor, probs: tf.Tensor
) -> Tuple[tf.Tensor, ...]:
    """Return which of the three cases of DMT Eq. 6 applies to each example.

    Agreement: y_B = y_A. Negative disagreement: y_B differs and c_A >= c_B, ties
    included. Positive disagreement: y_B differs and c_A < c_B; the pseudo label is
    probably wrong. y_B is the most likely class of probs, at ties the first, and c_B
    its probability.

    Stop-gradient: the whole result.

    Args:
        labels: [..., C] one-hot pseudo labels y_A, any number type; zeros for none.
        confidence: [...] c_A, any float type; any value where there is no label.
        probs: [..., C] probabilities that network B predicts, any float type.

    Returns:
        Three masks [...] float32 of zeros and ones: agreement, negative and positive
        disagreement; all of them 0 without a label.

    Raises:
        ValueError: when the shapes don't fit.
    """
    labels, probs = tf.cast(labels, tf.float32), tf.cast(probs, tf.float32)
    confidence = tf.cast(confidence, tf.float32)
    require_rank(1, probs=probs)
    require_same_shape(probs=probs, labels=labels)
    own_confidence = tf.reduce_max(probs, axis=-1)
    require_same_shape(examples=own_confidence, confidence=confidence)
    agree = tf.reduce_sum(labels * hard_label(probs), axis=-1)
    differ = tf.reduce_sum(labels, axis=-1) - agree
    positive = tf.where(confidence < own_confidence, differ, 0.0)
    negative = differ - positive
    return tuple(map(tf.stop_gradient, (agree, negative, positive)))


def dynamic_weight(
    labels: tf.Tensor,
    confidence: tf.Tensor,
    probs: tf.Tensor,
    gamma1: float | tf.Tensor,
    gamma2: float | tf.Tensor,
) -> tf.Tensor:
    """Return omega: p_B^gamma1 in agreement, p_B^gamma2 or 0 in disagreement.

    DMT Eq. 6. p_B is the probability that network B gives to the pseudo label. gamma2
    applies to negative disagreement (`disagreement_cases`); positive disagreement has
    weight 0, even if both gammas are 0. Curriculum Labeling and CBST, which the
    released code runs as gamma 0, use no weights at all.

    Stop-gradient: the whole result. Otherwise B would lower its loss by lowering p_B.

    Args:
        labels: [..., C] one-hot pseudo labels y_A, any number type; zeros for none.
        confidence: [...] c_A, any float type; any value where there is no label.
        probs: [..., C] probabilities that network B predicts, any float type.
        gamma1: scalar, 0 or more.
        gamma2: scalar, 0 or more.

    Returns:
        [...] float32 in [0, 1]; 0 without a label.

    Raises:
        ValueError: when the shapes don't fit, or a gamma is not a scalar.
    """
    agree, negative, _ = disagreement_cases(labels, confidence, probs)
    agreed = agree * naive_weight(labels, probs, gamma1)
    return agreed + negative * naive_weight(labels, probs, gamma2)


def naive_weight(
    labels: tf.Tensor, probs: tf.Tensor, gamma: float | tf.Tensor
) -> tf.Tensor:
    """Return p_B^gamma, whether the networks agree or not.

    DMT-Naive, an ablation (DMT section 5.4, Table 7): Eq. 6 without its three cases.

    Stop-gradient: the whole result.

    Args:
        labels: [..., C] one-hot pseudo labels y_A, any number type; zeros for none.
        probs: [..., C] probabilities that network B predicts, any float type.
        gamma: scalar, 0 or more.

    Returns:
        [...] float32 in [0, 1]; 0 without a label.

    Raises:
        ValueError: when the shapes differ, or gamma is not a scalar.
    """
    labels, probs = tf.cast(labels, tf.float32), tf.cast(probs, tf.float32)
    gamma = tf.cast(gamma, tf.float32)
    require_rank(1, probs=probs)
    require_same_shape(probs=probs, labels=labels)
    require_rank(0, 0, gamma=gamma)
    # 0^0 is 1: examples without a label are set to 0 after the power.
    weight = tf.pow(tf.reduce_sum(labels * probs, axis=-1), gamma)
    return tf.stop_gradient(tf.reduce_sum(labels, axis=-1) * weight)


def flipped_label(
    labels: tf.Tensor, confidence: tf.Tensor, probs: tf.Tensor
) -> tf.Tensor:
    """Return the pseudo label or, in positive disagreement, network B's own class.

    DMT-Flip, an ablation (DMT section 5.4, Table 7); its weight is `flipped_weight`.

    Stop-gradient: the whole result, which is a target.

    Args:
        labels: [..., C] one-hot pseudo labels y_A, any number type; zeros for none.
        confidence: [...] c_A, any float type; any value where there is no label.
        probs: [..., C] probabilities that network B predicts, any float type.

    Returns:
        [..., C] float32, one-hot; zeros without a label.

    Raises:
        ValueError: when the shapes don't fit.
    """
    _, _, positive = disagreement_cases(labels, confidence, probs)
    labels = tf.cast(labels, tf.float32)
    own = hard_label(probs)
    return tf.stop_gradient(tf.where(positive[..., None] > 0, own, labels))


def flipped_weight(
    labels: tf.Tensor,
    confidence: tf.Tensor,
    probs: tf.Tensor,
    gamma1: float | tf.Tensor,
    gamma2: float | tf.Tensor,
) -> tf.Tensor:
    """Return the weight of `flipped_label`: (1 - c_A)^gamma2 where it was flipped.

    DMT-Flip, an ablation (DMT section 5.4, Table 7): the less confident network A was,
    the larger is the weight of the flipped label. Elsewhere it is `dynamic_weight`.

    Stop-gradient: the whole result.

    Args:
        labels: [..., C] one-hot pseudo labels y_A, any number type; zeros for none.
        confidence: [...] c_A, any float type; any value where there is no label.
        probs: [..., C] probabilities that network B predicts, any float type.
        gamma1: scalar, 0 or more.
        gamma2: scalar, 0 or more.

    Returns:
        [...] float32 in [0, 1]; 0 without a label.

    Raises:
        ValueError: when the shapes don't fit, or a gamma is not a scalar.
    """
    weight = dynamic_weight(labels, confidence, probs, gamma1, gamma2)
    _, _, positive = disagreement_cases(labels, confidence, probs)
    # Padding (255) and rounding give confidences above 1; their power would be NaN.
    doubt = tf.maximum(1 - tf.cast(confidence, tf.float32), 0.0)
    flipped = tf.pow(doubt, tf.cast(gamma2, tf.float32))
    return tf.stop_gradient(tf.where(positive > 0, flipped, weight))
