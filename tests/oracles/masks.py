"""Oracles of the masks (RealMix 3.4, 3.5; Pseudo-Label; Dual Student; releases)."""

from decimal import ROUND_FLOOR, Decimal

import numpy as np

from tests.oracles.losses import softmax


def tsa_mask(labels, logits, eta):
    """Keep an example of which some class of its label is not yet above threshold."""
    mask = np.zeros(logits.shape[:-1])
    for i in np.ndindex(*mask.shape):
        p = softmax([float(logit) for logit in logits[i]])
        for c, label in enumerate(labels[i]):
            if label > 0 and not p[c] > float(label) * eta:
                mask[i] = 1
    return mask


def tsa_mask_released(labels, logits, eta):
    """Keep an example if p (0 outside the label) < logit * eta for any class."""
    mask = np.zeros(logits.shape[:-1])
    for i in np.ndindex(*mask.shape):
        p = softmax([float(logit) for logit in logits[i]])
        for c, label in enumerate(labels[i]):
            of_label = p[c] if label > 0 else 0.0
            if of_label < float(logits[i][c]) * eta:
                mask[i] = 1
    return mask


def ood_mask(confidence, mu):
    """Keep an example if more than floor(N * mu) examples are less sure than it."""
    if mu <= 0:
        return np.ones(len(confidence))
    exact = len(confidence) * Decimal(str(mu))
    dropped = int(exact.to_integral_value(rounding=ROUND_FLOOR))
    mask = np.zeros(len(confidence))
    for i, own in enumerate(confidence):
        less_sure = sum(1 for other in confidence if other < own)
        mask[i] = 1 if less_sure > dropped else 0
    return mask


def confidence_mask(probs, threshold):
    """Keep an example if any of its probabilities is above the threshold."""
    mask = np.zeros(probs.shape[:-1])
    for i in np.ndindex(*mask.shape):
        mask[i] = 1 if any(float(p) > threshold for p in probs[i]) else 0
    return mask


def confidence_mask_inclusive(probs, threshold):
    """Drop an example if all of its probabilities are below the threshold."""
    mask = np.ones(probs.shape[:-1])
    for i in np.ndindex(*mask.shape):
        mask[i] = 0 if all(float(p) < threshold for p in probs[i]) else 1
    return mask


def confidence_mask_released(probs, threshold):
    """What losses of 1, times a mask [B, 1], average to: for each example the same."""
    kept = confidence_mask(probs, threshold)
    matrix = [[1.0 * mask for _ in kept] for mask in kept]
    return np.full(len(kept), np.mean(matrix))


def stable_mask(probs, other_probs, threshold):
    """Same class in both views, and one of the two above the threshold."""
    mask = np.zeros(probs.shape[:-1])
    for i in np.ndindex(*mask.shape):
        one, other = list(probs[i]), list(other_probs[i])
        if one.index(max(one)) == other.index(max(other)):
            if max(one) > threshold or max(other) > threshold:
                mask[i] = 1
    return mask


def learner_mask(stable, other_stable, distance, other_distance):
    """Case by case, as the paper tells them."""
    mask = np.zeros(np.shape(stable))
    for i in np.ndindex(*mask.shape):
        if stable[i] and other_stable[i]:
            mask[i] = 1 if distance[i] > other_distance[i] else 0
        elif other_stable[i]:
            mask[i] = 1  # only the other one is stable
        else:
            mask[i] = 0  # only this one, or neither
    return mask
