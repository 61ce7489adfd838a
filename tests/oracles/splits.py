"""Allocation of labels to classes, in exact fractions and one label at a time."""

from fractions import Fraction


def allocate(class_counts, labels):
    """Labels per class.

    Each label goes to the class that maximises count_c / max(count) - taken_c /
    max(taken), the first of several, as long as it has images left.
    """
    taken = [0 for _ in class_counts]
    for _ in range(labels):
        best, best_lag = None, None
        for c, count in enumerate(class_counts):
            if taken[c] == count:
                continue
            lag = Fraction(count, max(class_counts))
            if max(taken) > 0:
                lag -= Fraction(taken[c], max(taken))
            if best is None or lag > best_lag:
                best, best_lag = c, lag
        taken[best] += 1
    return taken
