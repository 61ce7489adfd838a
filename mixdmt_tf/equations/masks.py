"""Masks that leave examples out of a loss: 1 keeps, 0 drops.

RealMix (arXiv:1912.08766) sections 3.4 and 3.5, and confidence thresholds. All masks
are float32 and stop-gradiented. Use them with `reductions.masked_mean`.
"""

from __future__ import annotations

from fractions import Fraction

import tensorflow as tf

from mixdmt_tf.equations.contracts import require_rank, require_same_shape


def tsa_mask(labels: tf.Tensor, logits: tf.Tensor, eta: float | tf.Tensor) -> tf.Tensor:
    """Drop labelled examples on which the network is already confident.

    Training signal annealing, RealMix section 3.5, from UDA (arXiv:1904.12848). With
    p = softmax(logits), an example is dropped when p_c > labels_c * eta for every class
    c that its label contains. For a one-hot label that is UDA's rule, p_correct > eta;
    scaling by labels_c is RealMix's extension to labels mixed by MixUp.

    The inequality is strict, as in UDA's code, so that a tie keeps the example: an
    untrained network that predicts 1/C everywhere learns from the first step
    (eta = 1/C), and eta = 1 drops nothing, however confident the network is. RealMix's
    code would drop a tie. A label of zeros (an ignored pixel) contains no class and is
    dropped.

    Stop-gradient: the whole result.

    Args:
        labels: [..., C] one-hot or mixed labels, any number type.
        logits: [..., C], any float type.
        eta: scalar threshold, from `schedules.tsa_threshold`.

    Returns:
        [...] float32, 0 or 1.

    Raises:
        ValueError: when the shapes differ or eta is not a scalar.
    """
    labels, logits = tf.cast(labels, tf.float32), tf.cast(logits, tf.float32)
    eta = tf.cast(eta, tf.float32)
    require_rank(1, logits=logits)
    require_same_shape(logits=logits, labels=labels)
    require_rank(0, 0, eta=eta)
    unsure = tf.nn.softmax(logits) <= labels * eta
    keep = tf.reduce_any((labels > 0) & unsure, axis=-1)
    return tf.stop_gradient(tf.cast(keep, tf.float32))


def tsa_mask_released(
    labels: tf.Tensor, logits: tf.Tensor, eta: float | tf.Tensor
) -> tf.Tensor:
    """Drop labelled examples by the rule in RealMix's released code, a mistake.

    https://github.com/uizard-technologies/realmix, realmix.py, anneal_sup_loss. The
    comments there describe the rule of `tsa_mask`, but the threshold of class c is
    logits_c * eta where labels_c * eta is meant, and classes outside the label are
    included with probability 0. An example is kept when, for any class c,
    [labels_c > 0] * p_c < logits_c * eta. As a trained network's logits exceed 1,
    almost nothing is dropped; the published results are probably based on this.

    Stop-gradient: the whole result.

    Args:
        labels: [..., C] one-hot or mixed labels, any number type.
        logits: [..., C], any float type.
        eta: scalar threshold, from `schedules.tsa_threshold`.

    Returns:
        [...] float32, 0 or 1.

    Raises:
        ValueError: when the shapes differ or eta is not a scalar.
    """
    labels, logits = tf.cast(labels, tf.float32), tf.cast(logits, tf.float32)
    eta = tf.cast(eta, tf.float32)
    require_rank(1, logits=logits)
    require_same_shape(logits=logits, labels=labels)
    require_rank(0, 0, eta=eta)
    label_probs = tf.where(labels > 0, tf.nn.softmax(logits), 0.0)
    keep = tf.reduce_any(label_probs < logits * eta, axis=-1)
    return tf.stop_gradient(tf.cast(keep, tf.float32))


def ood_mask(confidence: tf.Tensor, mu: float | tf.Tensor) -> tf.Tensor:
    """Drop the share mu of unlabelled examples with the lowest confidence.

    Out-of-distribution masking, RealMix section 3.4. With the confidences sorted in
    ascending order, the threshold is the one at index floor(N * mu), and examples
    strictly above it are kept: N - floor(N * mu) - 1 of them when no two are equal. The
    paper says only "the bottom mu %"; index and strictness are those of its code. The
    threshold moves with every batch because entropy minimisation drives confidences
    above any fixed one.

    Stop-gradient: the whole result.

    Args:
        confidence: [N] largest predicted probability of each example, any float type.
            Take it from a float32 softmax: half precision makes ties.
        mu: share to drop, below 1; 0 or less keeps every example. If it is a tensor,
            the index is computed in floating point, and may be one less.

    Returns:
        [N] float32, 0 or 1.

    Raises:
        ValueError: when mu is not below 1, or confidence is not a vector.
    """
    confidence = tf.cast(confidence, tf.float32)
    require_rank(1, 1, confidence=confidence)
    if tf.is_tensor(mu):
        return _ood_mask_of_tensor(confidence, tf.cast(mu, tf.float32))
    if not mu < 1:
        raise ValueError(f"mu must be below 1 (1 would leave nothing), got {mu}")
    if mu <= 0:
        return tf.ones_like(confidence)
    index = _share_of(tf.size(confidence, out_type=tf.int64), mu)
    threshold = tf.gather(tf.sort(confidence), index)
    return tf.stop_gradient(tf.cast(confidence > threshold, tf.float32))


def _share_of(count: tf.Tensor, mu: float) -> tf.Tensor:
    """Return floor(count * mu), at most count - 1.

    It is computed in integers, because 100 * 0.29 is 28.999999999999996 in floating
    point.
    """
    share = Fraction(float(mu)).limit_denominator(10**6)
    return tf.minimum(count * share.numerator // share.denominator, count - 1)


def _ood_mask_of_tensor(confidence: tf.Tensor, mu: tf.Tensor) -> tf.Tensor:
    """Return `ood_mask` for a share that is a tensor."""
    count = tf.cast(tf.size(confidence), tf.float32)
    index = tf.cast(tf.floor(count * mu), tf.int32)
    threshold = tf.gather(
        tf.sort(confidence), tf.clip_by_value(index, 0, tf.size(confidence) - 1)
    )
    keep = (confidence > threshold) | (mu <= 0)
    return tf.stop_gradient(tf.cast(keep, tf.float32))


def confidence_mask(probs: tf.Tensor, threshold: float) -> tf.Tensor:
    """Keep examples whose largest probability exceeds a threshold.

    The mask of Pseudo-Label (Lee 2013) in the form of Oliver et al. 2018
    (arXiv:1804.09170) and MixMatch's code: largest probability > 0.95, strictly. That
    of UDA (arXiv:1904.12848), section 2.4, is the same with 0.8. The losses of these
    methods are averaged over all examples, with dropped examples as 0.

    Stop-gradient: the whole result.

    Args:
        probs: [..., C] probabilities, any float type. Take them from a float32 softmax.
        threshold: in [0, 1].

    Returns:
        [...] float32, 0 or 1.

    Raises:
        ValueError: when probs is a scalar.
    """
    probs = tf.cast(probs, tf.float32)
    require_rank(1, probs=probs)
    keep = tf.reduce_max(probs, axis=-1) > threshold
    return tf.stop_gradient(tf.cast(keep, tf.float32))


def confidence_mask_inclusive(probs: tf.Tensor, threshold: float) -> tf.Tensor:
    """Keep examples whose largest probability is at least the threshold.

    The mask of FixMatch (arXiv:2001.07685) Eq. 4, largest probability >= 0.95, while
    `confidence_mask` has a strict inequality. They differ only in ties; at a threshold
    of 1 this one keeps examples whose softmax has saturated.

    Stop-gradient: the whole result.

    Args:
        probs: [..., C] probabilities, any float type. Take them from a float32 softmax.
        threshold: in [0, 1].

    Returns:
        [...] float32, 0 or 1.

    Raises:
        ValueError: when probs is a scalar.
    """
    probs = tf.cast(probs, tf.float32)
    require_rank(1, probs=probs)
    keep = tf.reduce_max(probs, axis=-1) >= threshold
    return tf.stop_gradient(tf.cast(keep, tf.float32))


def confidence_mask_released(probs: tf.Tensor, threshold: float) -> tf.Tensor:
    """Weight all examples by the share that `confidence_mask` keeps, a mistake.

    MixMatch's released pseudo_label.py multiplies losses [B] by a mask [B, 1]. This
    gives a matrix [B, B], whose mean is mean(losses) * mean(mask): the network also
    learns its least confident guesses as long as it is confident in others. The
    published Pseudo-Label results of MixMatch, which RealMix quotes, are based on this.

    Stop-gradient: the whole result.

    Args:
        probs: [B, C] probabilities, any float type.
        threshold: in [0, 1].

    Returns:
        [B] float32 in [0, 1], all equal. Average over all examples.

    Raises:
        ValueError: when probs is not a matrix.
    """
    require_rank(2, 2, probs=tf.convert_to_tensor(probs))
    mask = confidence_mask(probs, threshold)
    return tf.reduce_mean(mask) * tf.ones_like(mask)


def stable_mask(
    probs: tf.Tensor, other_probs: tf.Tensor, threshold: float
) -> tf.Tensor:
    """Keep examples with the same, confident prediction for two views.

    Stable samples of Dual Student (arXiv:1909.01804): both views have the same
    likeliest class, and for at least one of them its probability exceeds the threshold,
    strictly.

    Stop-gradient: the whole result.

    Args:
        probs: [..., C] probabilities of one view, any float type. Take them from a
            float32 softmax.
        other_probs: [..., C] probabilities of the other view, by the same network.
        threshold: in [0, 1].

    Returns:
        [...] float32, 0 or 1.

    Raises:
        ValueError: when the shapes differ or probs is a scalar.
    """
    probs, other_probs = tf.cast(probs, tf.float32), tf.cast(other_probs, tf.float32)
    require_rank(1, probs=probs)
    require_same_shape(probs=probs, other_probs=other_probs)
    same = tf.equal(tf.argmax(probs, axis=-1), tf.argmax(other_probs, axis=-1))
    confidence = tf.reduce_max(tf.maximum(probs, other_probs), axis=-1)
    return tf.stop_gradient(tf.cast(same & (confidence > threshold), tf.float32))


def learner_mask(
    stable: tf.Tensor,
    other_stable: tf.Tensor,
    distance: tf.Tensor,
    other_distance: tf.Tensor,
) -> tf.Tensor:
    """Mark the examples on which a student learns from the other student.

    The stabilization constraint of Dual Student (arXiv:1909.01804). A stable student
    teaches one that is not stable. If both are stable, the one whose predictions for
    its two views are farther apart learns. If the other student isn't stable, this one
    learns nothing. At equal distances neither learns (the paper's inequality is strict;
    in the released code both learn). For the other student's mask, swap the arguments.

    Stop-gradient: the whole result.

    Args:
        stable: [...] 0 or 1, stability of this student, from `stable_mask`.
        other_stable: [...] stability of the other student.
        distance: [...] distance between this student's predictions for both views,
            float.
        other_distance: [...] the same for the other student.

    Returns:
        [...] float32, 0 or 1.

    Raises:
        ValueError: when two shapes differ.
    """
    rows = {"stable": stable, "other_stable": other_stable, "distance": distance}
    rows["other_distance"] = other_distance
    rows = {name: tf.cast(value, tf.float32) for name, value in rows.items()}
    require_same_shape(**rows)
    less_stable = rows["distance"] > rows["other_distance"]
    learns = (rows["other_stable"] > 0) & ((rows["stable"] <= 0) | less_stable)
    return tf.stop_gradient(tf.cast(learns, tf.float32))
