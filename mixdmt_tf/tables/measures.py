"""The measures of tables: error or mean IoU, and the numbers of a run that are shown.

`table.ini` and the report use these definitions. This module does not import
TensorFlow.
"""

from __future__ import annotations

import dataclasses
from typing import Tuple


@dataclasses.dataclass(frozen=True)
class Number:
    """One number of a run's results.

    Attributes:
        key: key in `shown = error` and in the columns of `table.csv`.
        result: name in `results.json`.
        title: the evaluated weights, in words.
    """

    key: str
    result: str
    title: str


@dataclasses.dataclass(frozen=True)
class Measure:
    """The measure of all numbers of a table, published or measured, in percent.

    Attributes:
        name: name as shown.
        numbers: numbers that the report shows.
        explanation: text below the report.
    """

    name: str
    numbers: Tuple[Number, ...]
    explanation: str


ERROR = Measure(
    "error",
    (
        Number("error", "test_error", "averaged weights"),
        Number("raw", "test_error_raw", "raw weights"),
        Number("median20", "test_error_median20", "median of the last 20 evaluations"),
    ),
    "Errors in percent on the test images: mean ± sample standard deviation over "
    "n seeds (1, 2, ...). Averaged and raw weights after the last step; the median "
    "is that of the last 20 evaluations of the averaged weights, or of all where there "
    "are fewer.",
)
MEAN_IOU = Measure(
    "mean IoU",
    (
        Number("miou", "test_miou", "averaged weights"),
        Number("miou_raw", "test_miou_raw", "raw weights"),
    ),
    "Mean IoU in percent on the test images, higher is better: mean ± sample standard "
    "deviation over n seeds. Averaged and raw weights after the last step; "
    "where two models are trained, of the better one.",
)
MEASURES = (ERROR, MEAN_IOU)
# Values of `shown = ...` in table.ini, with their measures.
SHOWN = {number.key: measure for measure in MEASURES for number in measure.numbers}
