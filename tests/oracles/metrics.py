"""Oracles of the reported numbers."""

import math


def error_rate(labels, predictions):
    """Count the wrong ones of each hundred."""
    wrong = 0
    for i in range(len(labels)):
        if labels[i] != predictions[i]:
            wrong += 1
    return 100 * wrong / len(labels)


def accuracy_by_class(labels, predictions, num_classes):
    """Count, class by class, the right ones of each hundred."""
    accuracies = []
    for c in range(num_classes):
        total, right = 0, 0
        for i in range(len(labels)):
            if labels[i] == c:
                total += 1
                right += 1 if predictions[i] == c else 0
        accuracies.append(100 * right / total if total else math.nan)
    return accuracies


def auroc(positive, scores):
    """Every pair of a positive and a negative example, one by one."""
    won = pairs = 0.0
    for one, up in zip(scores, positive):
        for other, down in zip(scores, positive):
            if up and not down:
                pairs += 1
                won += 1.0 if one > other else 0.5 if one == other else 0.0
    return won / pairs
