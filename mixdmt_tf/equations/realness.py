"""Losses and masks of discriminators, which tell label maps from predictions.

Hung, Tsai, Liou, Lin and Yang 2018 (arXiv:1802.07934). A discriminator gives a logit
for each pixel; 1 stands for a label map, 0 for a prediction. That of s4GAN
(arXiv:1908.05724) gives one logit for a whole image.
"""

from __future__ import annotations

import tensorflow as tf

from mixdmt_tf.equations.contracts import require_rank, require_same_shape


def binary_cross_entropy(truth: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return -(t log s + (1 - t) log(1 - s)) of each logit, with s its sigmoid.

    L_D of Hung et al. Eq. 1, and with a truth of 1 everywhere L_adv of Eq. 4. It is
    computed from logits, because a sigmoid saturated to 0 would make it infinite.

    Nothing is stop-gradiented.

    Args:
        truth: [...] in [0, 1], any number type.
        logits: [...], any float type.

    Returns:
        [...] float32.

    Raises:
        ValueError: when the shapes differ.
    """
    truth, logits = tf.cast(truth, tf.float32), tf.cast(logits, tf.float32)
    require_same_shape(logits=logits, truth=truth)
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=truth, logits=logits)


def realness_mask(logits: tf.Tensor, threshold: float) -> tf.Tensor:
    """Return a mask of what the discriminator takes for a label map.

    The indicator function of Hung et al. Eq. 5, sigmoid(logit) > T_semi. The release
    keeps ties, too. Applied to scores of images, it is the rule of s4GAN.

    Stop-gradient: the whole result.

    Args:
        logits: [...], any float type.
        threshold: in [0, 1].

    Returns:
        [...] float32, 0 or 1.
    """
    keep = tf.sigmoid(tf.cast(logits, tf.float32)) > threshold
    return tf.stop_gradient(tf.cast(keep, tf.float32))


def feature_matching(true: tf.Tensor, predicted: tf.Tensor) -> tf.Tensor:
    """Return the mean over the features of |true - predicted|.

    L_fm of s4GAN (arXiv:1908.05724), after Salimans et al. 2016 (arXiv:1606.03498): it
    makes features of a discriminator, averaged over a batch, the same for predicted
    maps as for label maps.

    Nothing is stop-gradiented.

    Args:
        true: [..., F] mean features of label maps, any float type.
        predicted: [..., F] mean features of predicted maps.

    Returns:
        [...] float32.

    Raises:
        ValueError: when the shapes differ.
    """
    true, predicted = tf.cast(true, tf.float32), tf.cast(predicted, tf.float32)
    require_rank(1, true=true)
    require_same_shape(true=true, predicted=predicted)
    return tf.reduce_mean(tf.abs(true - predicted), axis=-1)
