"""Oracles of the guessed targets (RealMix algorithm 2 and Eq. 3)."""

import numpy as np


def guess_label(probs):
    """Add up the views' predictions one by one, then divide by their number."""
    total = np.zeros(probs.shape[1:])
    for view in probs:
        for i in np.ndindex(*total.shape):
            total[i] += float(view[i])
    return total / len(probs)


def sharpen(p, temperature):
    """Raise each probability to 1/T and divide the row by its sum."""
    sharpened = np.zeros(p.shape)
    for i in np.ndindex(*p.shape[:-1]):
        powers = [float(p_c) ** (1 / temperature) for p_c in p[i]]
        for c, power in enumerate(powers):
            sharpened[i][c] = power / sum(powers)
    return sharpened
