"""Targets guessed for unlabelled examples. Both functions stop the gradient.

RealMix (arXiv:1912.08766) algorithm 2: average the predictions for several augmented
views of an image, then sharpen the average.
"""

from __future__ import annotations

import tensorflow as tf

from mixdmt_tf.equations.contracts import require_rank


def guess_label(probs: tf.Tensor) -> tf.Tensor:
    """Return the prediction averaged over views: 1/K * sum over k of probs_k.

    RealMix section 3.1 and algorithm 2, which is MixMatch Eq. 6 (arXiv:1905.02249).
    Probabilities are averaged, not logits: a view that is sure counts no more than one
    vote.

    Stop-gradient: the whole result. The target is not to be learnt from.

    Args:
        probs: [K, ..., C] predicted probabilities of K views, any float type.

    Returns:
        [..., C] float32.

    Raises:
        ValueError: when probs has no axis of views.
    """
    probs = tf.cast(probs, tf.float32)
    require_rank(2, probs=probs)
    return tf.stop_gradient(tf.reduce_mean(probs, axis=0))


def sharpen(p: tf.Tensor, temperature: float) -> tf.Tensor:
    """Return p_c^(1/T) / sum over j of p_j^(1/T), a distribution of lower entropy.

    RealMix Eq. 3 (section 3.2), which is MixMatch Eq. 7. T = 1 changes nothing, T -> 0
    approaches one-hot; both papers use 0.5.

    Stop-gradient: the whole result, also when p comes from elsewhere than
    `guess_label`. The target is not to be learnt from.

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
    # The common factor cancels below; without it small powers underflow to 0 / 0.
    relative = p / tf.reduce_max(p, axis=-1, keepdims=True)
    powers = tf.pow(relative, 1 / temperature)
    return tf.stop_gradient(powers / tf.reduce_sum(powers, axis=-1, keepdims=True))
