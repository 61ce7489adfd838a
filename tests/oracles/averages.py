"""Oracles of averaged and decayed weights (RealMix section 4)."""

import numpy as np


def ema(average, value, decay):
    """Weigh the old average by decay, the new value by the rest."""
    new = np.zeros(average.shape)
    for i in np.ndindex(*new.shape):
        new[i] = decay * float(average[i]) + (1 - decay) * float(value[i])
    return new


def unbiased_average(average, decay, updates):
    """Divide by the sum of the weights that the values have in it."""
    result = np.zeros(average.shape)
    for i in np.ndindex(*updates.shape):
        count = int(updates[i])
        total = sum((1 - decay) * decay**k for k in range(count))
        if count:
            result[i] = [float(each) / total for each in average[i]]
    return result


def decay_weight(w, weight_decay, learning_rate):
    """Multiply each weight by a factor a little below 1."""
    decayed = np.zeros(w.shape)
    for i in np.ndindex(*decayed.shape):
        decayed[i] = float(w[i]) * (1 - weight_decay * learning_rate)
    return decayed


def initial_share(decay, warmup, steps):
    """Average ones, the initial weight, with zeros, all later ones."""
    average = 1.0
    for t in range(steps):
        rate = min(decay, (1 + t) / (10 + t)) if warmup else decay
        average = rate * average + (1 - rate) * 0.0
    return average
