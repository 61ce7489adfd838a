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


def fine_grained_accuracy(labels, probs):
    """Add up the probabilities of the classes that were predicted correctly."""
    total = 0.0
    for label, p in zip(labels, probs):
        if all(p[label] > p[c] for c in range(len(p)) if c != label):
            total += float(p[label])
    return 100 * total / len(labels)


def accuracy_by_confidence(labels, predictions, confidence, bins):
    """Sort the examples into their ranges, one range after another."""
    numbers, accuracies = [], []
    for b in range(bins):
        right = []
        for label, prediction, score in zip(labels, predictions, confidence):
            above = score * bins >= b
            below = score * bins < b + 1 or b == bins - 1
            if above and below:
                right.append(label == prediction)
        numbers.append(len(right))
        accuracies.append(100 * sum(right) / len(right) if right else math.nan)
    return numbers, accuracies


def iou_by_class(labels, predictions, num_classes, ignored):
    """Form, for each class, the sets of its pixels, of those predicted, and compare."""
    results = []
    valid = {i for i in range(len(labels)) if labels[i] != ignored}
    for c in range(num_classes):
        true = {i for i in valid if labels[i] == c}
        predicted = {i for i in valid if predictions[i] == c}
        union = true | predicted
        results.append(100 * len(true & predicted) / len(union) if union else math.nan)
    return results


def mean_iou_of_counts(counts):
    """Cell by cell of a confusion matrix."""
    ious = []
    for c in range(len(counts)):
        row, column = sum(counts[c]), sum(each[c] for each in counts)
        if row + column:
            ious.append(100 * counts[c][c] / (row + column - counts[c][c]))
    return sum(ious) / len(ious)


def miou_difference_deviation(first, second):
    """Leave out one image after the other, adding up all others anew."""
    differences = []
    for left_out in range(len(first)):
        kept = [i for i in range(len(first)) if i != left_out]
        one, other = (sum(counts[i] for i in kept) for counts in (first, second))
        differences.append(mean_iou_of_counts(one) - mean_iou_of_counts(other))
    n = len(differences)
    mean = sum(differences) / n
    squares = sum((each - mean) ** 2 for each in differences)
    return math.sqrt((n - 1) / n * squares)


def expected_calibration_error(labels, predictions, confidence, bins):
    """Equation 3 of Guo et al., one bin after another, one example after another."""
    total = 0.0
    for b in range(bins):
        inside = [
            i
            for i, score in enumerate(confidence)
            if b / bins <= score < (b + 1) / bins or (score == 1 and b == bins - 1)
        ]
        if inside:
            accuracy = sum(labels[i] == predictions[i] for i in inside) / len(inside)
            mean = sum(confidence[i] for i in inside) / len(inside)
            total += len(inside) / len(confidence) * abs(accuracy - mean)
    return 100 * total
