"""Oracles of Guided Collaborative Training, pixel by pixel."""

import math

import numpy as np
from scipy import ndimage


def class_error(labels, probs):
    """Half of the sum of the differences."""
    result = np.zeros(np.shape(probs)[:-1])
    for i in np.ndindex(*result.shape):
        pairs = zip(labels[i], probs[i])
        result[i] = 0.5 * sum(abs(float(a) - float(b)) for a, b in pairs)
    return result


def blur(maps, size):
    """SciPy's correlation with weights written out; 'mirror' repeats no border."""
    half = size // 2
    sigma = 0.3 * ((2 * half + 1 - 1) / 2 - 1) + 0.8
    weights = [math.exp(-(i**2) / (2 * sigma**2)) for i in range(-half, half + 1)]
    weights = np.array(weights) / sum(weights)
    x = np.asarray(maps, np.float64)
    for axis in (1, 2):
        x = ndimage.correlate1d(x, weights, axis, mode="mirror")
    return x


def rescaled(one):
    """From 0 to 1."""
    return (one - one.min()) / (one.max() - one.min() + 1e-9)


def flaw_truth(errors, side):
    """Blur, the largest of 3x3, blur, scale, image by image."""
    x = blur(errors, side // 8)
    x = np.stack([ndimage.maximum_filter(each, 3, mode="nearest") for each in x])
    return np.stack([rescaled(each) for each in blur(x, side // 4)])


def handled_flaws(flaws, side):
    """Clamp, blur, and scale unless there is nothing."""
    x = blur(np.maximum(np.asarray(flaws, np.float64), 0), side // 16)
    return np.stack([rescaled(e) if e.max() > 0.1 else 0 * e for e in x])


def dynamic_target(probs, other_probs, flaws, other_flaws, threshold):
    """Whose flaw is smaller, of those that are not bad."""
    result = np.array(probs, np.float64)
    for i in np.ndindex(*np.shape(flaws)):
        own = 1.0 if flaws[i] > threshold else float(flaws[i])
        other = 1.0 if other_flaws[i] > threshold else float(other_flaws[i])
        if other < own:
            result[i] = other_probs[i]
    return result


def both_flawed_mask(flaws, other_flaws, threshold):
    """Bad and bad."""
    result = np.zeros(np.shape(flaws))
    for i in np.ndindex(*result.shape):
        result[i] = flaws[i] > threshold and other_flaws[i] > threshold
    return result
