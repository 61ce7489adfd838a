"""Oracles of the schedules (MixMatch's ramp, UDA's TSA, TensorFlow's EMA warm-up)."""

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
