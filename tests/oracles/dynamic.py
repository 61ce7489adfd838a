"""Oracles of DMT's dynamic weights (Eq. 6, section 5.4), example by example."""

import numpy as np


def compare(label, confidence, p):
    """Return (y_A, case, p_B, y_B) of one example; None without a label.

    The case is 0 for agreement, 1 for negative and 2 for positive disagreement.
    """
    if not any(label):
        return None
    y_a = [c for c in range(len(label)) if label[c] == 1][0]
    y_b = 0
    for c in range(len(p)):
        if p[c] > p[y_b]:
            y_b = c
    if y_a == y_b:
        case = 0
    elif confidence >= p[y_b]:
        case = 1
    else:
        case = 2
    return y_a, case, float(p[y_a]), y_b


def disagreement_cases(labels, confidence, probs):
    """Mark the case of each example."""
    marks = np.zeros([*probs.shape[:-1], 3])
    for i in np.ndindex(*probs.shape[:-1]):
        found = compare(labels[i], confidence[i], probs[i])
        if found:
            marks[i][found[1]] = 1
    return marks


def dynamic_weight(labels, confidence, probs, gamma1, gamma2):
    """Weigh each example by its case."""
    weights = np.zeros(probs.shape[:-1])
    for i in np.ndindex(*weights.shape):
        found = compare(labels[i], confidence[i], probs[i])
        if found:
            _, case, p_b, _ = found
            weights[i] = [p_b**gamma1, p_b**gamma2, 0][case]
    return weights


def naive_weight(labels, probs, gamma):
    """Weigh each example that has a label by the probability of that label."""
    weights = np.zeros(probs.shape[:-1])
    for i in np.ndindex(*weights.shape):
        for c, label in enumerate(labels[i]):
            if label == 1:
                weights[i] = float(probs[i][c]) ** gamma
    return weights


def flipped_label(labels, confidence, probs):
    """Replace the label where B disagrees and is surer than A was."""
    flipped = np.zeros(probs.shape)
    for i in np.ndindex(*probs.shape[:-1]):
        found = compare(labels[i], confidence[i], probs[i])
        if found:
            y_a, case, _, y_b = found
            flipped[i][y_b if case == 2 else y_a] = 1
    return flipped


def flipped_weight(labels, confidence, probs, gamma1, gamma2):
    """Weigh each example by its case, the third one by A's doubt."""
    weights = np.zeros(probs.shape[:-1])
    for i in np.ndindex(*weights.shape):
        found = compare(labels[i], confidence[i], probs[i])
        if found:
            _, case, p_b, _ = found
            doubt = 1 - float(confidence[i])
            weights[i] = [p_b**gamma1, p_b**gamma2, doubt**gamma2][case]
    return weights
