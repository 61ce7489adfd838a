"""Oracles of the schedules: ramps, thresholds and factors of the learning rate."""

import math

import numpy as np


def linear_ramp(step, length):
    """Rise from 0 to 1 in a straight line, then stay."""
    ramp = np.zeros(np.shape(step))
    for i in np.ndindex(*ramp.shape):
        done = int(np.asarray(step)[i])
        ramp[i] = 1.0 if done >= length else done / length
    return ramp


def tsa_threshold(schedule, step, total, num_classes):
    """Move from 1/C towards 1 along the curve that UDA gives for the schedule."""
    threshold = np.zeros(np.shape(step))
    for i in np.ndindex(*threshold.shape):
        r = min(int(np.asarray(step)[i]) / total, 1.0)
        if schedule == "linear":
            alpha = r
        elif schedule == "log":
            alpha = 1 - math.exp(-r * 5)
        elif schedule == "exp":
            alpha = math.exp((r - 1) * 5)
        threshold[i] = alpha * (1 - 1 / num_classes) + 1 / num_classes
    return threshold


def ema_decay_warmup(step, decay):
    """Take (1 + t) / (10 + t) until the decay is reached."""
    decays = np.zeros(np.shape(step))
    for i in np.ndindex(*decays.shape):
        done = int(np.asarray(step)[i])
        decays[i] = min(decay, (1 + done) / (10 + done))
    return decays


def cosine_7_16(step, total):
    """Follow a cosine for 7/16 of half a turn (FixMatch section 2.4)."""
    factors = np.zeros(np.shape(step))
    for i in np.ndindex(*factors.shape):
        done = min(int(np.asarray(step)[i]), total)
        factors[i] = math.cos(7 * math.pi * done / (16 * total))
    return factors


def cosine_to_zero(step, total):
    """Follow a cosine for half a turn, moved and halved to go from 1 to 0 (SGDR)."""
    factors = np.zeros(np.shape(step))
    for i in np.ndindex(*factors.shape):
        done = min(int(np.asarray(step)[i]), total)
        factors[i] = 0.5 * (1 + math.cos(math.pi * done / total))
    return factors


def sigmoid_ramp(step, length):
    """Rise along exp(-5 (1 - t/T)^2), then stay at 1 (DMT section 4.2.1)."""
    ramp = np.zeros(np.shape(step))
    for i in np.ndindex(*ramp.shape):
        left = 1 - min(int(np.asarray(step)[i]), length) / length
        ramp[i] = math.exp(-5 * left * left)
    return ramp


def polynomial_to_zero(step, total):
    """Take the 0.9th power of the share of steps that are left (DeepLab)."""
    factors = np.zeros(np.shape(step))
    for i in np.ndindex(*factors.shape):
        left = max(total - int(np.asarray(step)[i]), 0) / total
        factors[i] = math.exp(0.9 * math.log(left)) if left else 0.0
    return factors
