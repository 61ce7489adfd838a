"""Schedules: numbers that change during training, as pure functions of the step.

A step may be a Python number or an integer tensor of any shape (a whole curve at once);
results are float32 of that shape.
"""

from __future__ import annotations

import math

import tensorflow as tf


def linear_ramp(step: int | tf.Tensor, length: int) -> tf.Tensor:
    """Return step / length, clipped to [0, 1]: the ramp of lambda_u.

    RealMix section 4 follows MixMatch (arXiv:1905.02249), which ramps lambda_u up
    linearly over the first 16,000 steps (in its code 16,384). A length of 0 means no
    ramp: 1 at every step.

    Args:
        step: [...] steps done.
        length: steps until the ramp reaches 1.

    Returns:
        [...] float32 in [0, 1].

    Raises:
        ValueError: when length is negative.
    """
    if length < 0:
        raise ValueError(f"length must be 0 or more, got {length}")
    step = tf.cast(step, tf.float32)
    if length == 0:
        return tf.ones_like(step)
    return tf.clip_by_value(step / length, 0.0, 1.0)


def sigmoid_ramp(step: int | tf.Tensor, length: int) -> tf.Tensor:
    """Return exp(-5 (1 - t/T)^2), the ramp of DMT's gamma, which starts at 0.0067.

    DMT (arXiv:2004.08514) section 4.2.1 multiplies gamma_max by it, since predictions
    of a network that starts from random weights are unreliable at first. The ramp is
    Mean Teacher's (arXiv:1703.01780). t is the step, clipped to [0, T]. DMT's released
    code uses gamma_max itself at the first step, and t = step + 1 afterwards.

    Args:
        step: [...] steps done, t.
        length: T, steps until the ramp reaches 1; 0 means no ramp.

    Returns:
        [...] float32 in [exp(-5), 1].

    Raises:
        ValueError: when length is negative.
    """
    return tf.exp(-5 * tf.square(1 - linear_ramp(step, length)))


def tsa_threshold(
    schedule: str,
    step: int | tf.Tensor,
    total: int,
    num_classes: int,
    end: float = 1.0,
) -> tf.Tensor:
    """Return eta = alpha * (1 - 1/C) + 1/C, the threshold of training signal annealing.

    RealMix section 3.5, from UDA (arXiv:1904.12848). With r = step / total clipped to
    [0, 1], alpha is r (linear), 1 - exp(-5 r) (log: releases the labels early) or
    exp(5 (r - 1)) (exp: releases them late). RealMix uses linear. The annealed
    bootstrapped cross-entropy of CCT (arXiv:2003.09005) has the threshold
    alpha * (0.9 - 1/C) + 1/C along log.

    Args:
        schedule: "linear", "log" or "exp".
        step: [...] steps done.
        total: steps of the whole training.
        num_classes: C, 2 or more.
        end: value at the end, in place of 1.

    Returns:
        [...] float32 in [1/C, end].

    Raises:
        ValueError: when schedule is unknown, num_classes is below 2 or total is
            negative.
    """
    if num_classes < 2:
        raise ValueError(f"num_classes must be 2 or more, got {num_classes}")
    r = linear_ramp(step, total)
    curves = {"linear": r, "log": 1 - tf.exp(-5 * r), "exp": tf.exp(5 * (r - 1))}
    if schedule not in curves:
        raise ValueError(f"schedule must be one of {list(curves)}, got {schedule!r}")
    return curves[schedule] * (end - 1 / num_classes) + 1 / num_classes


def ema_decay_warmup(step: int | tf.Tensor, decay: float) -> tf.Tensor:
    """Return min(decay, (1 + step) / (10 + step)), a decay that starts low.

    The `num_updates` rule of TensorFlow's ExponentialMovingAverage. RealMix and
    MixMatch keep the decay constant, and an average with decay 0.999 still contains
    13 % of the initial weights after 2,000 steps; this rule is meant for short runs.

    Args:
        step: [...] updates done before this one.
        decay: the final decay.

    Returns:
        [...] float32.
    """
    step = tf.cast(step, tf.float32)
    return tf.minimum((1 + step) / (10 + step), decay)


def cosine_7_16(step: int | tf.Tensor, total: int) -> tf.Tensor:
    """Return cos(7 pi t / (16 T)), a factor of the learning rate that ends at 0.195.

    FixMatch (arXiv:2001.07685) section 2.4, from UDA's code (arXiv:1904.12848). t is
    the step, clipped to [0, T]: a run continued beyond `total` keeps the last rate.

    Args:
        step: [...] steps done, t.
        total: T, steps of the whole training; 0: the last value at every step.

    Returns:
        [...] float32, from 1 down to cos(7 pi / 16).

    Raises:
        ValueError: when total is negative.
    """
    return tf.cos(7 * math.pi / 16 * linear_ramp(step, total))


def cosine_to_zero(step: int | tf.Tensor, total: int) -> tf.Tensor:
    """Return (1 + cos(pi t / T)) / 2, a factor of the learning rate that ends at 0.

    SGDR (Loshchilov and Hutter, arXiv:1608.03983) Eq. 5 without restarts and with a
    smallest rate of 0, as DMT (arXiv:2004.08514) uses it. Steps beyond T give 0.

    Args:
        step: [...] steps done, t.
        total: T, steps of the whole training; 0: the last value at every step.

    Returns:
        [...] float32 in [0, 1].

    Raises:
        ValueError: when total is negative.
    """
    return (1 + tf.cos(math.pi * linear_ramp(step, total))) / 2


def polynomial_to_zero(
    step: int | tf.Tensor, total: int, power: float = 0.9
) -> tf.Tensor:
    """Return (1 - t/T)^power, a factor of the learning rate that ends at 0: "poly".

    DeepLab (arXiv:1606.00915) with a power of 0.9, which DMT (arXiv:2004.08514) section
    5.2.2 uses for segmentation. Steps beyond T give 0.

    Args:
        step: [...] steps done, t.
        total: T, steps of the whole training; 0: the last value at every step.
        power: above 0.

    Returns:
        [...] float32 in [0, 1].

    Raises:
        ValueError: when total is negative, or power is not above 0.
    """
    if not power > 0:
        raise ValueError(f"power must be above 0, got {power}")
    return tf.pow(1 - linear_ramp(step, total), power)
