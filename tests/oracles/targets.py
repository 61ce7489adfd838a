"""Oracles of guessed targets (RealMix alg. 2, Eq. 3) and of smoothed labels."""

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


def hard_label(p):
    """Put a 1 where nothing is greater, at the first such class."""
    labels = np.zeros(p.shape)
    for i in np.ndindex(*p.shape[:-1]):
        row = [float(p_c) for p_c in p[i]]
        labels[i][row.index(max(row))] = 1
    return labels


def refine(labels, guess, weight):
    """w of the label and 1 - w of the guess, class by class."""
    refined = np.zeros(guess.shape)
    for i in np.ndindex(*guess.shape):
        w = float(weight[i[:-1]])
        refined[i] = w * float(labels[i]) + (1 - w) * float(guess[i])
    return refined


def smooth_labels(labels, epsilon):
    """Move epsilon of the way to the uniform distribution, class by class."""
    smoothed = np.zeros(labels.shape)
    for i in np.ndindex(*labels.shape):
        uniform = 1 / labels.shape[-1]
        smoothed[i] = float(labels[i]) - epsilon * (float(labels[i]) - uniform)
    return smoothed


def sharpen_logits(logits, temperature):
    """Divide one logit after the other."""
    result = np.zeros(logits.shape)
    for i in np.ndindex(*logits.shape):
        result[i] = float(logits[i]) / temperature
    return result
