"""The loss terms, one value per example or pixel; the caller reduces them.

RealMix (arXiv:1912.08766) section 3 minimises L_x + lambda_u * L_u, with cross-entropy
on labelled examples for L_x and a squared error on unlabelled ones for L_u. Other
methods compare predictions by their Kullback-Leibler divergence, and VAT adds their
entropy.
"""

from __future__ import annotations

import math

import tensorflow as tf

from mixdmt_tf.equations.contracts import require_rank, require_same_shape


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return L_x of each example: -sum over c of labels_c * log softmax(logits)_c.

    RealMix Eq. 1 and 2 (section 3), which is MixMatch Eq. 3 (arXiv:1905.02249). Labels
    may be soft, because MixUp interpolates them. It is computed from logits, because
    the logarithm of a softmax saturated to 0 would be infinite.

    Nothing is stop-gradiented; guessed labels arrive stopped from `sharpen`.

    Args:
        labels: [..., C], any number type; each row sums to 1, or to the weight of the
            example: 0 if it has no label.
        logits: [..., C], any float type.

    Returns:
        [...] float32.

    Raises:
        ValueError: when the shapes differ, as they do for class ids [...].
    """
    labels, logits = tf.cast(labels, tf.float32), tf.cast(logits, tf.float32)
    require_rank(1, logits=logits)
    require_same_shape(logits=logits, labels=labels)
    # The gradient of TensorFlow's own function is softmax(logits) - labels unless
    # operations are deterministic, which is wrong for labels that don't sum to 1.
    return cross_entropy_of_log_probs(labels, tf.nn.log_softmax(logits))


def cross_entropy_of_log_probs(labels: tf.Tensor, log_probs: tf.Tensor) -> tf.Tensor:
    """Return -sum over c of labels_c * log_probs_c of each example.

    `cross_entropy` for a caller that needs log softmax(logits) besides, as methods do
    that weigh pixels by their predictions: the softmax of all pixels of a batch takes
    as long as a layer of a small network.

    Nothing is stop-gradiented.

    Args:
        labels: [..., C], any number type, as for `cross_entropy`.
        log_probs: [..., C] logarithms of probabilities, finite, any float type.

    Returns:
        [...] float32.

    Raises:
        ValueError: when the shapes differ, as they do for class ids [...].
    """
    labels, log_probs = tf.cast(labels, tf.float32), tf.cast(log_probs, tf.float32)
    require_rank(1, log_probs=log_probs)
    require_same_shape(log_probs=log_probs, labels=labels)
    return -tf.reduce_sum(labels * log_probs, axis=-1)


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


def kl_divergence(target_logits: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return KL(p || q) = sum over c of p_c * (log p_c - log q_c) of each example.

    With p = softmax(target_logits) and q = softmax(logits), p being the prediction for
    the clean image: the divergence D of VAT (arXiv:1704.03976), equation 5, and that of
    UDA's release; UDA's equation 1 (arXiv:1904.12848) has the cross-entropy of p and q,
    whose gradient is the same. It is computed from logits, because the logarithm of a
    softmax saturated to 0 would be infinite.

    Nothing is stop-gradiented; both papers hold p constant, which is up to the caller.

    Args:
        target_logits: [..., C] of p, any float type.
        logits: [..., C] of q, any float type.

    Returns:
        [...] float32, 0 or more up to rounding.

    Raises:
        ValueError: when the shapes differ.
    """
    target_logits = tf.cast(target_logits, tf.float32)
    logits = tf.cast(logits, tf.float32)
    require_rank(1, logits=logits)
    require_same_shape(logits=logits, target_logits=target_logits)
    log_p, log_q = tf.nn.log_softmax(target_logits), tf.nn.log_softmax(logits)
    return tf.reduce_sum(tf.nn.softmax(target_logits) * (log_p - log_q), axis=-1)


def entropy(logits: tf.Tensor) -> tf.Tensor:
    """Return -sum over c of p_c * log p_c of each example, with p = softmax(logits).

    Entropy minimisation (Grandvalet and Bengio 2004), the term that VAT
    (arXiv:1704.03976) adds as VAT+EntMin.

    Nothing is stop-gradiented.

    Args:
        logits: [..., C], any float type.

    Returns:
        [...] float32 in [0, log C], in nats.

    Raises:
        ValueError: when logits is a scalar.
    """
    logits = tf.cast(logits, tf.float32)
    require_rank(1, logits=logits)
    log_p = tf.nn.log_softmax(logits)
    return -tf.reduce_sum(tf.exp(log_p) * log_p, axis=-1)


def js_divergence(logits: tf.Tensor, other_logits: tf.Tensor) -> tf.Tensor:
    """Return H((p + q) / 2) - (H(p) + H(q)) / 2 of each example, H being the entropy.

    With p = softmax(logits) and q = softmax(other_logits): the Jensen-Shannon
    divergence, L_cot of Deep Co-Training (arXiv:1803.05984). Computed as the mean of
    KL(p || m) and KL(q || m) with m = (p + q) / 2, which is the same number without the
    rounding of a difference of entropies.

    Nothing is stop-gradiented: both predictions move towards each other.

    Args:
        logits: [..., C] of p, any float type.
        other_logits: [..., C] of q, any float type.

    Returns:
        [...] float32 in [0, log 2] up to rounding.

    Raises:
        ValueError: when the shapes differ.
    """
    logits = tf.cast(logits, tf.float32)
    other_logits = tf.cast(other_logits, tf.float32)
    require_rank(1, logits=logits)
    require_same_shape(logits=logits, other_logits=other_logits)
    log_p, log_q = tf.nn.log_softmax(logits), tf.nn.log_softmax(other_logits)
    log_m = tf.reduce_logsumexp([log_p, log_q], axis=0) - math.log(2)
    kl_p = tf.reduce_sum(tf.exp(log_p) * (log_p - log_m), axis=-1)
    kl_q = tf.reduce_sum(tf.exp(log_q) * (log_q - log_m), axis=-1)
    return (kl_p + kl_q) / 2
