"""Oracles of FreeMatch (section 4), SoftMatch (3) and ReMixMatch (3.1)."""

import math

import numpy as np


def adaptive_thresholds(global_threshold, class_means):
    """MaxNorm(p~) * tau."""
    highest = max(float(p) for p in class_means)
    return np.array([float(p) / highest * float(global_threshold) for p in class_means])


def class_threshold_mask(probs, thresholds):
    """Look up the threshold of the likeliest class."""
    mask = np.zeros(probs.shape[:-1])
    for i in np.ndindex(*mask.shape):
        row = [float(p) for p in probs[i]]
        mask[i] = 1 if max(row) >= float(thresholds[row.index(max(row))]) else 0
    return mask


def class_fairness(class_means, histogram, batch_means, batch_histogram):
    """-H(SumNorm(p~ / h~), SumNorm(p- / h-)), classes without a count being 0."""

    def normalized(numerators, denominators):
        ratios = [
            float(n) / float(d) if d > 0 else 0.0
            for n, d in zip(numerators, denominators)
        ]
        total = sum(ratios)
        return [ratio / total if total else 0.0 for ratio in ratios]

    if not any(count > 0 for count in batch_histogram):
        return np.float64(0)
    target = normalized(class_means, histogram)
    fair = normalized(batch_means, batch_histogram)
    return np.float64(sum(t * math.log(f + 1e-12) for t, f in zip(target, fair)))


def truncated_gaussian(confidence, mean, variance, sigmas):
    """The density's shape below the mean, 1 above it."""
    weights = np.ones(np.shape(confidence))
    for i in np.ndindex(*weights.shape):
        if confidence[i] < mean:
            away = float(confidence[i]) - float(mean)
            weights[i] = math.exp(-(sigmas**2) * away**2 / (2 * float(variance)))
    return weights


def align_distribution(probs, wanted, means):
    """q times the ratio of what is wanted and what was predicted, normalized."""
    aligned = np.zeros(probs.shape)
    for i in np.ndindex(*probs.shape[:-1]):
        row = [
            float(q) * (float(w) + 1e-6) / (float(m) + 1e-6)
            for q, w, m in zip(probs[i], wanted, means)
        ]
        aligned[i] = [each / sum(row) for each in row]
    return aligned
