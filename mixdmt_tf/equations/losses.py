"""The two loss terms of RealMix, one value per example (or pixel): the caller reduces.

RealMix (arXiv:1912.08766) section 3 minimises L_x + lambda_u * L_u, with cross-entropy
on labelled examples for L_x and a squared error on unlabelled ones for L_u.
"""

from __future__ import annotations

import tensorflow as tf

from mixdmt_tf.equations.contracts import require_rank, require_same_shape


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return L_x of each example: -sum over c of labels_c * log softmax(logits)_c.

    RealMix Eq. 1 and 2 (section 3), which is MixMatch Eq. 3 (arXiv:1905.02249). Labels
    may be soft, because MixUp interpolates them. Computed from logits: the logarithm of
    a softmax that has saturated to 0 would be infinite.

    Nothing is stop-gradiented; guessed labels arrive stopped from `sharpen`.

    Args:
        labels: [..., C], any number type; each row sums to 1, or is all 0 for an
            example without a label (its loss is 0).
        logits: [..., C], any float type.

    Returns:
        [...] float32.

    Raises:
        ValueError: when the shapes differ, as they do for class ids [...].
    """
    labels, logits = tf.cast(labels, tf.float32), tf.cast(logits, tf.float32)
    require_rank(1, logits=logits)
    require_same_shape(logits=logits, labels=labels)
    return tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits)


def squared_error(q: tf.Tensor, p: tf.Tensor) -> tf.Tensor:
    """Return L_u of each example: the mean over classes of (q_c - p_c)^2.

    RealMix Eq. 2 (section 3), which is MixMatch Eq. 4; its factor 1/C is included here.
    Unlike the cross-entropy it is bounded, so that a wrong guess can't dominate.

    Nothing is stop-gradiented; guessed targets q arrive stopped from `sharpen`.

    Args:
        q: [..., C] guessed target probabilities, any float type.
        p: [..., C] predicted probabilities, any float type.

    Returns:
        [...] float32.

    Raises:
        ValueError: when the shapes differ.
    """
    q, p = tf.cast(q, tf.float32), tf.cast(p, tf.float32)
    require_rank(1, p=p)
    require_same_shape(p=p, q=q)
    return tf.reduce_mean(tf.square(q - p), axis=-1)
