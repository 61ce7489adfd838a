"""Tables of numbers in a run's folder, read back. TensorFlow is not imported here."""

from __future__ import annotations

import csv
import io
import pathlib
from typing import Container, Dict, List, Optional

from mixdmt_tf import digests

Row = Dict[str, float]


def read_rows(run_folder: pathlib.Path) -> List[Row]:
    """The evaluations of a run so far, ascending by step.

    Raises:
        Damaged: if `metrics.csv` does not hold what was written.
    """
    return read_numbers(run_folder / "metrics.csv")


def read_numbers(
    path: pathlib.Path, names: Optional[Container[Optional[str]]] = None
) -> List[Row]:
    """The numbers of a CSV file with a header; cells that are empty are left out.

    Args:
        path: of the file; [] if it never was there.
        names: the columns to read, all of which hold numbers; None: all there are.

    Raises:
        Damaged: if it does not hold what was written, or something else than numbers.
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
