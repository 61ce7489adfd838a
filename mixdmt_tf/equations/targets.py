"""Targets: guessed for unlabelled examples, smoothed for labelled ones.

RealMix (arXiv:1912.08766) algorithm 2: average the predictions for several augmented
views of an image, then sharpen the average. Pseudo-Label goes further and uses the most
likely class as the label. Guessed targets are stop-gradiented.
"""

from __future__ import annotations

import tensorflow as tf

from mixdmt_tf.equations.contracts import require_rank, require_same_shape


def guess_label(probs: tf.Tensor) -> tf.Tensor:
    """Return the prediction averaged over views: 1/K * sum over k of probs_k.

    RealMix section 3.1 and algorithm 2, which is MixMatch Eq. 6 (arXiv:1905.02249).
    Probabilities are averaged, not logits, so that a confident view counts no more than
    one vote.

    Stop-gradient: the whole result, which is a target.

    Args:
        probs: [K, ..., C] predicted probabilities of K views, any float type.

    Returns:
        [..., C] float32.

    Raises:
        ValueError: when probs has no axis for views.
    """
    probs = tf.cast(probs, tf.float32)
    require_rank(2, probs=probs)
    return tf.stop_gradient(tf.reduce_mean(probs, axis=0))


def sharpen(p: tf.Tensor, temperature: float) -> tf.Tensor:
    """Return p_c^(1/T) / sum over j of p_j^(1/T), a distribution of lower entropy.

    RealMix Eq. 3 (section 3.2), which is MixMatch Eq. 7. T = 1 changes nothing, T -> 0
    approaches one-hot; both papers use 0.5.

    Stop-gradient: the whole result, which is a target, even if p does not come from
    `guess_label`.

    Args:
        p: [..., C] probabilities, any float type; no row may be all 0.
        temperature: T > 0.

    Returns:
        [..., C] float32.

    Raises:
        ValueError: when temperature is not above 0, or p is a scalar.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    p = tf.cast(p, tf.float32)
    require_rank(1, p=p)
    # The maximum cancels below; without it small powers would underflow to 0 / 0.
    relative = p / tf.reduce_max(p, axis=-1, keepdims=True)
    powers = tf.pow(relative, 1 / temperature)
    return tf.stop_gradient(powers / tf.reduce_sum(powers, axis=-1, keepdims=True))


def sharpen_logits(logits: tf.Tensor, temperature: float) -> tf.Tensor:
    """Return logits / T, the logits of `sharpen(softmax(logits), T)`.

    UDA (arXiv:1904.12848) section 2.4, sharpening by a softmax temperature of 0.4;
    `losses.kl_divergence` takes the target as logits. Unlike probabilities, logits
    can't underflow.

    Stop-gradient: the whole result, which is a target.

    Args:
        logits: [..., C], any float type.
        temperature: T > 0.

    Returns:
        [..., C] float32.

    Raises:
        ValueError: when temperature is not above 0, or logits is a scalar.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    logits = tf.cast(logits, tf.float32)
    require_rank(1, logits=logits)
    return tf.stop_gradient(logits / temperature)


def hard_label(p: tf.Tensor) -> tf.Tensor:
    """Return the one-hot vector of the most likely class; at ties, the first.

    Pseudo-Label (Lee 2013, section 2.4).

    Stop-gradient: the whole result, which has no gradient anyway.

    Args:
        p: [..., C] probabilities or logits, any float type.

    Returns:
        [..., C] float32.

    Raises:
        ValueError: when p is a scalar.
    """
    p = tf.cast(p, tf.float32)
    require_rank(1, p=p)
    return tf.stop_gradient(tf.one_hot(tf.argmax(p, axis=-1), tf.shape(p)[-1]))


def refine(labels: tf.Tensor, guess: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """Return w y + (1 - w) q, a label with trust w combined with the own guess.

    Co-refinement of DivideMix (arXiv:2002.07394) section 3.2, Eq. 3, before sharpening.

    Stop-gradient: the whole result.

    Args:
        labels: y [..., C] one-hot labels, any number type.
        guess: q [..., C] probabilities, any float type.
        weight: w [...] in [0, 1], any float type.

    Returns:
        [..., C] float32.

    Raises:
        ValueError: when the shapes don't fit.
    """
    labels, guess = tf.cast(labels, tf.float32), tf.cast(guess, tf.float32)
    weight = tf.cast(weight, tf.float32)
    require_rank(1, guess=guess)
    require_same_shape(guess=guess, labels=labels)
    require_same_shape(guess=guess[..., 0], weight=weight)
    share = weight[..., None]
    return tf.stop_gradient(share * labels + (1 - share) * guess)


def smooth_labels(labels: tf.Tensor, epsilon: float) -> tf.Tensor:
    """Return labels - epsilon * (labels - 1/C): label smoothing.

    Szegedy et al. 2016 (arXiv:1512.00567), section 7, as MixMatch's code applies it to
    its supervised baseline (fully_supervised/fs_baseline.py).

    Nothing is stop-gradiented; labels are data.

    Args:
        labels: [..., C] one-hot or mixed labels, any number type.
        epsilon: in [0, 1]; 0 changes nothing, 1 gives a uniform distribution.

    Returns:
        [..., C] float32; rows that sum to 1 still do.

    Raises:
        ValueError: when epsilon is outside [0, 1], or labels is a scalar.
    """
    if not 0 <= epsilon <= 1:
        raise ValueError(f"epsilon must be in [0, 1], got {epsilon}")
    labels = tf.cast(labels, tf.float32)
    require_rank(1, labels=labels)
    classes = tf.cast(tf.shape(labels)[-1], tf.float32)
    return labels - epsilon * (labels - 1 / classes)
