"""Thresholds and weights that adapt to the network's confidence.

FreeMatch: Wang et al. 2023 (arXiv:2205.07246). SoftMatch: Chen et al. 2023
(arXiv:2301.10921). The caller keeps the running means, and passes them as arguments.
"""

from __future__ import annotations

import tensorflow as tf

from mixdmt_tf.equations.contracts import require_rank, require_same_shape

EPSILON = 1e-6  # of the releases of ReMixMatch and SoftMatch


def adaptive_thresholds(
    global_threshold: float | tf.Tensor, class_means: tf.Tensor
) -> tf.Tensor:
    """Return tau_t(c) = tau_t * p~_t(c) / max over c of p~_t(c).

    FreeMatch, section 4.1, equation 7. A class that the network rarely predicts has a
    lower threshold than one that it predicts often.

    Stop-gradient: the whole result.

    Args:
        global_threshold: scalar tau_t, the running mean of the confidence.
        class_means: [C] p~_t, running means of the probability of each class.

    Returns:
        [C] float32.

    Raises:
        ValueError: when the shapes don't fit.
    """
    tau = tf.cast(global_threshold, tf.float32)
    means = tf.cast(class_means, tf.float32)
    require_rank(0, 0, global_threshold=tau)
    require_rank(1, 1, class_means=means)
    return tf.stop_gradient(tau * means / tf.reduce_max(means))


def class_threshold_mask(probs: tf.Tensor, thresholds: tf.Tensor) -> tf.Tensor:
    """Return a mask that is 1 where the largest probability reaches its threshold.

    FreeMatch, equations 8 and 9, of L_u and of L_f. The threshold is that of the
    predicted class. A tie is kept, as in equation 9 and in the release (8 is strict):
    an untrained network that predicts 1/C everywhere learns from the first step.

    Stop-gradient: the whole result.

    Args:
        probs: [..., C] probabilities, any float type.
        thresholds: [C], from `adaptive_thresholds`.

    Returns:
        [...] float32, 0 or 1.

    Raises:
        ValueError: when the shapes don't fit.
    """
    probs, thresholds = tf.cast(probs, tf.float32), tf.cast(thresholds, tf.float32)
    require_rank(1, probs=probs)
    require_rank(1, 1, thresholds=thresholds)
    own = tf.gather(thresholds, tf.argmax(probs, axis=-1))
    keep = tf.reduce_max(probs, axis=-1) >= own
    return tf.stop_gradient(tf.cast(keep, tf.float32))


def class_fairness(
    class_means: tf.Tensor,
    histogram: tf.Tensor,
    batch_means: tf.Tensor,
    batch_histogram: tf.Tensor,
) -> tf.Tensor:
    """Return -H(SumNorm(p~ / h~), SumNorm(p- / h-)), the self-adaptive fairness loss.

    FreeMatch, section 4.2, L_f of equation 11. H is the cross-entropy; maximizing it
    spreads the predictions of the batch over the classes. A class with an empty
    histogram counts 0, as in the release, and so does a batch without kept examples.

    Stop-gradient: all but batch_means.

    Args:
        class_means: [C] p~_t, running means of the probabilities for weak views.
        histogram: [C] h~_t, running means of the share of each predicted class.
        batch_means: [C] p-, sums or means of the probabilities for the strong views
            that are kept; their scale cancels.
        batch_histogram: [C] h-, shares or numbers of their predicted classes.

    Returns:
        [] float32, 0 or less.

    Raises:
        ValueError: when the shapes differ or are not [C].
    """
    given = class_means, histogram, batch_means, batch_histogram
    means, shares, now, counts = (tf.cast(each, tf.float32) for each in given)
    require_rank(1, 1, class_means=means)
    require_same_shape(means=means, histogram=shares, batch=now, batch_histogram=counts)
    target = tf.stop_gradient(tf.math.divide_no_nan(means, shares))
    target = tf.math.divide_no_nan(target, tf.reduce_sum(target))
    fair = tf.math.divide_no_nan(now, tf.stop_gradient(counts))
    fair = tf.math.divide_no_nan(fair, tf.reduce_sum(fair))
    any_kept = tf.cast(tf.reduce_any(counts > 0), tf.float32)
    return any_kept * tf.reduce_sum(target * tf.math.log(fair + 1e-12))


def truncated_gaussian(
    confidence: tf.Tensor,
    mean: float | tf.Tensor,
    variance: float | tf.Tensor,
    sigmas: float = 1.0,
) -> tf.Tensor:
    """Return exp(-min(c - mu, 0)^2 n^2 / (2 sigma^2)), 1 above the mean.

    SoftMatch, the weight lambda(p) of equations 5 and 9 with lambda_max 1. There n is
    1; the paper's experiments (section 4.1: the variance divided by 4) and its release
    have n = 2.

    Stop-gradient: the whole result.

    Args:
        confidence: [...] largest probability, any float type.
        mean: scalar mu_t, running mean of the confidence.
        variance: scalar sigma_t^2, 0 or more, its running variance; at 0 the weight
            below the mean is 0, as in the limit.
        sigmas: n.

    Returns:
        [...] float32 in [0, 1].

    Raises:
        ValueError: when mean or variance is not a scalar.
    """
    confidence = tf.cast(confidence, tf.float32)
    mean, variance = tf.cast(mean, tf.float32), tf.cast(variance, tf.float32)
    require_rank(0, 0, mean=mean, variance=variance)
    below = sigmas * tf.minimum(confidence - mean, 0.0)
    weight = tf.exp(-tf.square(below) / (2 * variance))
    return tf.stop_gradient(tf.where(below < 0, weight, 1.0))


def align_distribution(
    probs: tf.Tensor, wanted: tf.Tensor, means: tf.Tensor
) -> tf.Tensor:
    """Return Normalize(q * p(y) / p~(y)), predictions aligned to a distribution.

    ReMixMatch section 3.1 (arXiv:1911.09785), distribution alignment; with the uniform
    distribution as `wanted`, uniform alignment of SoftMatch, equation 8. Both releases
    add 1e-6 to numerator and denominator.

    Stop-gradient: the whole result.

    Args:
        probs: [..., C] probabilities q, any float type.
        wanted: [C] p(y), the distribution that the classes should have.
        means: [C] p~(y), running means of the predictions.

    Returns:
        [..., C] float32.

    Raises:
        ValueError: when the shapes don't fit.
    """
    probs, wanted = tf.cast(probs, tf.float32), tf.cast(wanted, tf.float32)
    means = tf.cast(means, tf.float32)
    require_rank(1, probs=probs)
    require_rank(1, 1, wanted=wanted)
    require_same_shape(wanted=wanted, means=means)
    aligned = probs * (wanted + EPSILON) / (means + EPSILON)
    aligned /= tf.reduce_sum(aligned, axis=-1, keepdims=True)
    return tf.stop_gradient(aligned)
