"""Oracles of the scores of several labels an image, by counting."""

import math


def wrong_decisions(labels, probs, threshold):
    """Of each hundred decisions that can be judged, the wrong ones."""
    wrong = known = 0
    for row, scores in zip(labels, probs):
        for label, score in zip(row, scores):
            if label >= 0:
                known += 1
                wrong += int((score >= threshold) != (label == 1))
    return 100 * wrong / known


def average_precision(labels, probs):
    """The mean, over images with the label, of the precision down to each of them."""
    pairs = [(p, t) for t, p in zip(labels, probs) if t >= 0]
    precisions = []
    for score, label in pairs:
        if label == 1:
            above = [t for p, t in pairs if p >= score]
            precisions.append(sum(above) / len(above))
    return 100 * sum(precisions) / len(precisions) if precisions else math.nan


def recall_and_f1(labels, probs, threshold):
    """From true and false positives and false negatives."""
    tp = fp = fn = 0
    for label, score in zip(labels, probs):
        if label < 0:
            continue
        said = score >= threshold
        tp += int(said and label == 1)
        fp += int(said and label == 0)
        fn += int(not said and label == 1)
    if not tp + fn:
        return math.nan, math.nan
    return 100 * tp / (tp + fn), 100 * 2 * tp / (2 * tp + fp + fn)
