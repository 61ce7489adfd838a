"""Oracles of what a discriminator says (Hung et al. 2018)."""

import math

import numpy as np


def sigmoid(z):
    """Of one number."""
    return 1 / (1 + math.exp(-z)) if z > 0 else math.exp(z) / (1 + math.exp(z))


def binary_cross_entropy(truth, logits):
    """Eq. 1 of each logit: the logarithm of what is left to the right answer."""
    result = np.zeros(np.shape(logits))
    for i in np.ndindex(*result.shape):
        t, z = float(truth[i]), float(logits[i])
        result[i] = -t * math.log(sigmoid(z)) - (1 - t) * math.log(sigmoid(-z))
    return result


def realness_mask(logits, threshold):
    """The indicator of Eq. 5."""
    result = np.zeros(np.shape(logits))
    for i in np.ndindex(*result.shape):
        result[i] = sigmoid(float(logits[i])) > threshold
    return result


def feature_matching(true, predicted):
    """Add up the distances of s4GAN feature by feature."""
    result = np.zeros(np.shape(true)[:-1])
    for i in np.ndindex(*result.shape):
        pairs = list(zip(true[i], predicted[i]))
        result[i] = sum(abs(float(a) - float(b)) for a, b in pairs) / len(pairs)
    return result
