"""Reads tables of numbers in a run's folder, without importing TensorFlow."""

from __future__ import annotations

import csv
import io
import pathlib
from typing import Container, Dict, List, Optional

from mixdmt_tf import digests

Row = Dict[str, float]


def read_rows(run_folder: pathlib.Path) -> List[Row]:
    """Reads the evaluations of a run so far, ascending by step.

    Raises:
        Damaged: if `metrics.csv` is damaged.
    """
    return read_numbers(run_folder / "metrics.csv")


def read_numbers(
    path: pathlib.Path, names: Optional[Container[Optional[str]]] = None
) -> List[Row]:
    """Reads the numbers of a CSV file with a header; empty cells are left out.

    Args:
        path: path of the file. If it never existed, there are no rows.
        names: columns to read, which have to hold numbers; None for all.

    Raises:
        Damaged: if the file is damaged or holds anything but numbers.
    """
    try:
        table = csv.DictReader(io.StringIO(digests.read(path), newline=""))
        return [
            {
                name: int(float(value)) if name == "step" else float(value)
                for name, value in row.items()
                if value and (names is None or name in names)
            }
            for row in table
        ]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, AttributeError, csv.Error, OverflowError):
        raise digests.Damaged(path, "it is not a table of numbers") from None
