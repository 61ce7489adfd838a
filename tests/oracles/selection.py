"""Oracles of the selection of pseudo labels (DMT Alg. 1, 2 and Eq. 2; released code).

Shares come as pairs of integers (numerator, denominator), so that counts are exact.
"""

import math


def top_confident(ids, confidence, count):
    """Take the most confident image, of several that with the lowest id, and again."""
    left = list(zip(ids, confidence))
    kept, threshold = [], math.inf
    for _ in range(count):
        threshold = max(score for _, score in left)
        lowest = min(name for name, score in left if score == threshold)
        left.remove((lowest, threshold))
        kept.append(lowest)
    return sorted(kept), threshold


def top_confident_released(confidence, numerator, denominator):
    """Keep what is above the element int(-alpha * N + 1) of the ascending list."""
    if numerator >= denominator:
        return list(range(len(confidence)))
    ascending = sorted(confidence)
    product = numerator * len(confidence)
    # int() cuts towards 0, here of the fraction (denominator - product) / denominator.
    size = abs(denominator - product) // denominator
    threshold = ascending[size if denominator > product else -size]
    return [i for i, score in enumerate(confidence) if score > threshold]


def class_thresholds(predictions, confidence, num_classes, numerator, denominator):
    """Descend through each class until its share is reached."""
    thresholds = []
    for c in range(num_classes):
        scores = [s for s, p in zip(confidence, predictions) if p == c]
        scores.sort(reverse=True)
        if not scores or numerator == denominator:
            thresholds.append(0.0)
            continue
        whole, rest = divmod(numerator * len(scores), denominator)
        if 2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1):
            whole += 1
        thresholds.append(scores[whole - 1] if whole else scores[0])
    return thresholds


def class_thresholds_released(
    predictions, confidence, num_classes, numerator, denominator
):
    """Follow the three branches of the released code."""
    thresholds = []
    for c in range(num_classes):
        ascending = sorted(s for s, p in zip(confidence, predictions) if p == c)
        if not ascending:
            thresholds.append(1e-5)
        elif numerator == denominator:
            thresholds.append(ascending[0])
        elif numerator * len(ascending) < denominator:
            thresholds.append(1e-5)
        else:
            thresholds.append(
                ascending[-(numerator * len(ascending) // denominator) - 1]
            )
    return thresholds


def threshold_labels(predictions, confidence, thresholds, ignored):
    """Pixel by pixel."""
    labels = []
    for p, s in zip(predictions, confidence):
        labels.append(ignored if s < thresholds[p] else p)
    return labels
