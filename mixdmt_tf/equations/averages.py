"""Moving averages, and the weight decay that follows the optimizer's step.

RealMix (arXiv:1912.08766) section 4 takes both from MixMatch (arXiv:1905.02249). They
are computed as a small correction to a value, which is more exact in float32 than a
factor close to 1: 0.99996 rounded to float32 is off by 9e-5 after 16,384 steps.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from mixdmt_tf.equations.contracts import require_rank, require_same_shape


def ema(average: tf.Tensor, value: tf.Tensor, decay: float | tf.Tensor) -> tf.Tensor:
    """Return decay * average + (1 - decay) * value, the exponential moving average.

    RealMix section 4, from Mean Teacher (arXiv:1703.01780); the decay is 0.999.
    Evaluation uses the averaged weights.

    Nothing is stop-gradiented; it is applied to weights outside any gradient tape.

    Args:
        average: [...] the average so far, any float type.
        value: [...] the new value, any float type.
        decay: scalar in [0, 1].

    Returns:
        [...] float32.
    """
    average, value = tf.cast(average, tf.float32), tf.cast(value, tf.float32)
    return average + tf.cast(1 - decay, tf.float32) * (value - average)


def unbiased_average(average: tf.Tensor, decay: float, updates: tf.Tensor) -> tf.Tensor:
    """Return Z / (1 - alpha^t), the bias-corrected average that started from 0.

    Laine and Aila (arXiv:1610.02242) section 2.2, as in Adam.

    Stop-gradient: the whole result, which is a target.

    Args:
        average: [..., C] the average Z, any float type.
        decay: alpha, in [0, 1).
        updates: [...] t, number of values in the average; any number type.

    Returns:
        [..., C] float32; 0 where t is 0.

    Raises:
        ValueError: when decay is outside [0, 1), or the shapes don't fit.
    """
    if not 0 <= decay < 1:
        raise ValueError(f"decay must be in [0, 1), got {decay}")
    average, updates = tf.cast(average, tf.float32), tf.cast(updates, tf.float32)
    require_rank(1, average=average)
    require_same_shape(updates=updates, averages=average[..., 0])
    left = 1 - tf.pow(tf.cast(decay, tf.float32), updates)
    empty = tf.cast(updates <= 0, tf.float32)
    known = average / (left + empty)[..., None]
    return tf.stop_gradient((1 - empty)[..., None] * known)


def initial_share(decay: float, warmup: bool, steps: int) -> float:
    """Return the share of the initial weights in an average after some steps.

    The product of the decays of all steps: decay^steps, and with the warm-up of
    `schedules.ema_decay_warmup` the product of min(decay, (1 + t) / (10 + t)) over
    t = 0, ..., steps - 1. An average with decay 0.999 (RealMix section 4) is 13 %
    initial weights after 2,000 steps; with the warm-up the share is negligible.

    Args:
        decay: in [0, 1].
        warmup: whether the decay starts low.
        steps: updates of the average, 0 or more.

    Returns:
        A float in [0, 1].
    """
    t = np.arange(steps, dtype=np.float64)
    decays = np.minimum(decay, (1 + t) / (10 + t)) if warmup else np.full(steps, decay)
    return float(np.prod(decays))


def decay_weight(
    w: tf.Tensor, weight_decay: float, learning_rate: float | tf.Tensor
) -> tf.Tensor:
    """Return w * (1 - weight_decay * learning_rate), RealMix's weight decay.

    RealMix section 4, as in MixMatch's code: applied to kernels after the optimizer's
    step, with weight_decay 0.02. This differs from an L2 loss, which Adam would
    rescale, and from Keras's `weight_decay`, which acts before the step and on every
    variable not excluded.

    Nothing is stop-gradiented; it is applied to weights outside any gradient tape.

    Args:
        w: [...] a kernel, any float type.
        weight_decay: scalar.
        learning_rate: scalar, of this step.

    Returns:
        [...] float32.
    """
    w = tf.cast(w, tf.float32)
    return w - tf.cast(weight_decay * learning_rate, tf.float32) * w
