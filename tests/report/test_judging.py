"""Tables and charts of answers, compared with counts made by hand."""

from __future__ import annotations

import numpy as np

from mixdmt_tf.report import judging
from mixdmt_tf.report.page import Chart, Table, Text

COUNTS = np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]])  # no image of the last class
NAMES = ("cat", "dog", "owl")


def texts(table):
    return [[cell.text for cell in table.cells(row)] for row in table.rows]


def test_the_confusion_matrix_of_few_classes():
    table = judging.matrix(COUNTS, NAMES, "8 images")
    assert table.caption == "Confusion matrix of 8 images"
    assert list(table.head) == ["", *NAMES]
    assert texts(table) == [
        ["cat", "3", "1", ""],
        ["dog", "", "4", ""],
        ["owl"] + [""] * 3,
    ]
    first = table.cells(table.rows[0])
    assert (first[1].shade, first[1].right) == (0.75, True)
    assert (first[2].shade, first[2].right) == (0.25, False)


def test_of_many_classes_those_that_are_mixed_up_most():
    counts = np.diag(np.full(40, 9))
    counts[5, 7], counts[3, 2], counts[7, 5] = 3, 1, 2
    names = [f"c{i}" for i in range(40)]
    table = judging.matrix(counts, names, "images")
    assert texts(table) == [
        ["c5", "c7", "3", "25.0 %"],
        ["c7", "c5", "2", "18.2 %"],
        ["c3", "c2", "1", "10.0 %"],
    ]


def test_millions_of_pixels_are_thousands_of_thousands():
    table = judging.matrix(np.array([[2_345_678, 0], [1_000, 5]]), NAMES[:2], "pixels")
    assert texts(table) == [["cat", "2,346k", ""], ["dog", "1k", "0k"]]


def test_recall_precision_and_iou_of_each_class():
    plain, iou = (judging.by_class(COUNTS, NAMES, each) for each in (False, True))
    assert texts(plain) == [
        ["cat", "4", "75.0 %", "100.0 %"],
        ["dog", "4", "100.0 %", "80.0 %"],
        ["owl", "0", "-", "-"],
    ]
    assert [row[2] for row in texts(iou)] == ["75.0 %", "80.0 %", "-"]
    assert iou.head[2] == "IoU"


def test_calibration_of_four_answers():
    labels, predicted = np.array([0, 1, 2, 2**31 - 1]), np.array([0, 1, 0, 1])
    confidence = np.array([0.95, 0.96, 0.94, 0.35])
    sentence, chart, table = judging.calibration(
        labels, predicted, confidence, "images"
    )
    assert isinstance(sentence, Text) and isinstance(chart, Chart)
    # (3 |2/3 - 0.95| + 1 |0 - 0.35|) / 4 = 0.30
    assert sentence.text.startswith("Expected calibration error 30.00 % (10 bins)")
    assert "50.0 % right" in sentence.text and "mean confidence 80.0 %" in sentence.text
    assert "at 95 % confidence 67 % right" in chart.svg
    assert chart.caption.endswith("hollow: fewer than 20")
    assert isinstance(table, Table)
    assert texts(table) == [
        ["30 to 40 %", "1", "0.00 %"],
        ["90 to 100 %", "3", "66.67 %"],
    ]


def test_a_histogram_takes_numbers_that_rounding_pushed_out():
    found = judging.histogram(np.array([1.0000001, -1e-9, 0.55], np.float32))
    assert found.tolist() == [1, 0, 0, 0, 0, 1, 0, 0, 0, 1]
