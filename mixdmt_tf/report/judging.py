"""Tables and charts of predictions: confusion matrix, recall and calibration."""

from __future__ import annotations

from typing import List, Sequence

import numpy as np

from mixdmt_tf.equations import accuracy_by_confidence, expected_calibration_error
from mixdmt_tf.plots import GREY, Point, Series
from mixdmt_tf.report import drawing
from mixdmt_tf.report.page import Cell, Chart, Item, Table, Text

MOST_CLASSES, WORST = 25, 20  # of a whole matrix; pairs that stand for larger ones
_NARROW = 6  # classes of a matrix that fits into a column
BINS = 10  # of confidence
FEW = 20  # with fewer predictions, an accuracy is only a rough estimate
# Shown above the charts of `calibration`.
CALIBRATION = (
    "How often predictions with a given confidence are right. Below the diagonal the "
    "network is overconfident."
)


def percent(share: float) -> str:
    """Formats a share in [0, 1] as a percentage."""
    return f"{100 * share:.1f} %"


def matrix(counts: np.ndarray, names: Sequence[str], what: str) -> Table:
    """Makes a table of the confusion matrix.

    With more than `MOST_CLASSES` classes, the table lists the pairs that are confused
    most.

    Args:
        counts: int64 [C, C], rows are true classes and columns predicted ones.
        names: names of the classes.
        what: what was counted, such as '10,000 test images'.
    """
    totals = np.maximum(counts.sum(axis=1), 1)
    if len(names) <= MOST_CLASSES:
        largest = counts.max(initial=0)
        rows = [
            [
                name,
                *(
                    Cell(_short(n, largest), shade=n / totals[i], right=i == j)
                    for j, n in enumerate(counts[i])
                ),
            ]
            for i, name in enumerate(names)
        ]
        look = "dense full" if len(names) > _NARROW else "dense"
        return Table(f"Confusion matrix of {what}", ["", *names], rows, look)
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:WORST]
    rows = [
        [
            names[i],
            names[j],
            f"{counts[i, j]:,}",
            Cell(percent(counts[i, j] / totals[i]), bar=counts[i, j] / totals[i]),
        ]
        for i, j in zip(*np.unravel_index(order, wrong.shape))
        if wrong[i, j]
    ]
    head = ["true class", "predicted", "number", "of the true class"]
    return Table(f"Classes that are confused most, of {what}", head, rows)


def _short(number: int, largest: int) -> str:
    """Formats a count: '' for 0; in thousands if the largest count is in millions."""
    if not number:
        return ""
    return f"{number:,}" if largest < 1_000_000 else f"{number / 1000:,.0f}k"


def by_class(counts: np.ndarray, names: Sequence[str], iou: bool = False) -> Table:
    """Makes a table of number, recall and precision, and optionally IoU, of each class.

    Args:
        counts: int64 [C, C], rows are true classes and columns predicted ones.
        names: names of the classes.
        iou: whether to add a column with the IoU.
    """
    right, are, said = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)

    def share(part: int, whole: int) -> Cell:
        return Cell(percent(part / whole), bar=part / whole) if whole else Cell("-")

    rows = [
        [
            name,
            f"{are[i]:,}",
            *([share(right[i], are[i] + said[i] - right[i])] if iou else []),
            share(right[i], are[i]),
            share(right[i], said[i]),
        ]
        for i, name in enumerate(names)
    ]
    head = ["class", "number", *(["IoU"] if iou else []), "recall", "precision"]
    caption = "Recall: share of a class that is found; precision: share of predictions "
    return Table(f"{caption}that are right", head, rows)


def calibration(
    labels: np.ndarray, predicted: np.ndarray, confidence: np.ndarray, what: str
) -> List[Item]:
    """Makes a summary of the calibration, a reliability diagram and its numbers.

    Args:
        labels: int [N], true classes; a value that is no class counts as wrong.
        predicted: int [N], predicted classes.
        confidence: float [N], confidences of the predictions.
        what: what was predicted, such as '10,000 test images'.
    """
    sure = np.clip(np.asarray(confidence, np.float64), 0.0, 1.0)
    numbers, hits = accuracy_by_confidence(labels, predicted, sure, BINS)
    error = expected_calibration_error(labels, predicted, sure, BINS)
    places = np.minimum((sure * BINS).astype(int), BINS - 1)
    some = np.flatnonzero(numbers)
    points = [
        Point(
            100 * float(sure[places == i].mean()),
            hits[i],
            hollow=bool(numbers[i] < FEW),
        )
        for i in some
    ]
    sentence = (
        f"Expected calibration error {error:.2f} % ({BINS} bins); mean confidence "
        f"{percent(float(sure.mean()))}, {percent(float((predicted == labels).mean()))}"
        " right."
    )
    few = f"; hollow: fewer than {FEW}" if any(p.hollow for p in points) else ""
    chart = reliability(points, f"Reliability diagram of {what}{few}")
    return [Text(sentence), chart, of_confidence(numbers, hits, what)]


def of_confidence(numbers: np.ndarray, hits: np.ndarray, what: str) -> Table:
    """Makes a table of the number and accuracy of predictions by confidence.

    Args:
        numbers: int [BINS], predictions in each range of confidence.
        hits: float [BINS], accuracy in percent; NaN where it is unknown.
        what: what was predicted.
    """
    rows = [
        [
            f"{100 * i // BINS} to {100 * (i + 1) // BINS} %",
            Cell(f"{numbers[i]:,}", bar=numbers[i] / max(numbers.max(), 1)),
            "-" if np.isnan(hits[i]) else f"{hits[i]:.2f} %",
        ]
        for i in np.flatnonzero(numbers)
    ]
    head = ["confidence", "number", "right"]
    return Table(f"Confidence of {what}", head, rows)


def histogram(confidence: np.ndarray) -> np.ndarray:
    """Counts the predictions in each range of confidence: int [BINS]."""
    sure = np.clip(np.asarray(confidence, np.float64), 0.0, 1.0)
    places = np.minimum((sure * BINS).astype(int), BINS - 1)
    return np.bincount(places.ravel(), minlength=BINS)


def reliability(points: Sequence[Point], caption: str) -> Chart:
    """Draws accuracy by confidence, both in percent, with the ideal as a line."""
    ends = [Point(0, 0), Point(100, 100)]
    ideal = Series("perfect calibration", ends, color=GREY, marker="", dashed=True)
    drawn = drawing.lines(
        [ideal, Series("this network", points)],
        "confidence (%)",
        "right (%)",
        include=[0, 100],
        x_ticks=range(0, 101, 20),
    )
    words = "; ".join(
        f"at {point.x:.0f} % confidence {point.y:.0f} % right" for point in points
    )
    return Chart(drawing.svg(drawn, f"{caption}: {words}"), caption)
