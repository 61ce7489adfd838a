"""Selection of noisily labelled examples by two networks that teach each other.

Co-teaching: Han et al. 2018 (arXiv:1804.06872). Co-teaching+: Yu et al. 2019
(arXiv:1901.04215). Decoupling: Malach and Shalev-Shwartz 2017 (arXiv:1706.02613).
"""

from __future__ import annotations

import tensorflow as tf

from mixdmt_tf.equations.contracts import require_rank, require_same_shape


def disagreement_mask(probs: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """Return a mask that is 1 where two networks predict different classes.

    Decoupling ("update by disagreement"); Co-teaching+, algorithm 1, step 4.

    Stop-gradient: the whole result.

    Args:
        probs: [..., C] probabilities or logits of one network, any float type.
        others: [..., C] probabilities or logits of the other.

    Returns:
        [...] float32, 0 or 1.

    Raises:
        ValueError: when the shapes differ.
    """
    probs, others = tf.cast(probs, tf.float32), tf.cast(others, tf.float32)
    require_rank(1, probs=probs)
    require_same_shape(probs=probs, others=others)
    differ = tf.argmax(probs, -1) != tf.argmax(others, -1)
    return tf.stop_gradient(tf.cast(differ, tf.float32))


def small_loss_mask(
    losses: tf.Tensor, candidates: tf.Tensor, forget: float | tf.Tensor
) -> tf.Tensor:
    """Return a mask of the floor((1 - forget) n) candidates with the smallest losses.

    Co-teaching, algorithm 1, steps 4 and 5, with all examples as candidates;
    Co-teaching+, algorithm 1, steps 5 and 6, with those of `disagreement_mask`. The
    share that is kept, 1 - forget, is R(T) in the former and lambda(e) in the latter.
    Co-teaching requires at least R(T) n; its release rounds down, and so does this
    function. Among equal losses the first ones are kept.

    Stop-gradient: the whole result.

    Args:
        losses: [n] losses of the network that selects, any float type.
        candidates: [n] 0 or 1, any number type.
        forget: scalar in [0, 1], the share that is left out.

    Returns:
        [n] float32, 0 or 1.

    Raises:
        ValueError: when the shapes don't fit.
    """
    losses, candidates = tf.cast(losses, tf.float32), tf.cast(candidates, tf.float32)
    forget = tf.cast(forget, tf.float32)
    require_rank(1, 1, losses=losses)
    require_same_shape(losses=losses, candidates=candidates)
    require_rank(0, 0, forget=forget)
    # Products such as .9 * 10 are a little too small in float32.
    count = tf.floor((1 - forget) * tf.reduce_sum(candidates) + 1e-4)
    order = tf.argsort(tf.where(candidates > 0, losses, losses.dtype.max), stable=True)
    rank = tf.cast(tf.argsort(order, stable=True), tf.float32)
    return tf.stop_gradient(candidates * tf.cast(rank < count, tf.float32))
