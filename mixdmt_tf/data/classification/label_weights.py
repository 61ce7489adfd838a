"""What labels of one's own images count: a CSV file with columns file and weight."""

from __future__ import annotations

import math
import os
import pathlib
from typing import Dict, Sequence, Tuple

import numpy as np

from mixdmt_tf.data import csv_rows
from mixdmt_tf.errors import UserError

MOST = 1e6  # of a weight; a million times what others count is no weight but a mistake


def read(table: pathlib.Path, root: pathlib.Path) -> Dict[str, Tuple[str, float]]:
    """Reads the file, without asking which images are of the training data.

    Args:
        table: the file.
        root: the folder of the images.

    Returns:
        By file, relative to `root`: where it stands in the table, and its weight.

    Raises:
        UserError: naming the row of a weight that is no number from 0 to `MOST`, or of
            a file that isn't there, or is named twice.
    """
    found: Dict[str, Tuple[str, float]] = {}
    named = f"--weights_csv={csv_rows.printable(table)}"
    for where, row in csv_rows.read(table, named, ("file", "weight"))[1]:
        name = csv_rows.file_name(row["file"])
        shown = csv_rows.printable(name)
        if name in found:
            earlier = found[name][0].rpartition(", ")[2]
            raise UserError(f"{where}: {shown} has a weight already, on {earlier}")
        if not os.path.isfile(root / name):  # pathlib's raises if it is too long
            raise UserError(
                f"{where}: there is no file {shown} in {root}\n"
                "expected names relative to --data_dir, such as train/cat/1.png"
            )
        found[name] = where, _weight(row["weight"], where)
    return found


def _weight(text: str, where: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0 <= weight <= MOST:
        raise UserError(
            f"{where}: weight {csv_rows.printable(text) or 'nothing'}; expected a "
            f"number from 0 to {MOST:,.0f}"
        )
    return weight


def of_files(
    table: pathlib.Path, root: pathlib.Path, paths: Sequence[pathlib.Path]
) -> np.ndarray:
    """The weights of training images; those that the table doesn't name weigh 1.

    Args:
        table: the file.
        root: the folder of the images.
        paths: of the training images.

    Returns:
        float32 [N].

    Raises:
        UserError: as `read`, or naming the row of an image that isn't one of these; or
            if all of them weigh 0.
    """
    rows = {csv_rows.relative(path, root): row for row, path in enumerate(paths)}
    weights = np.ones(len(paths), np.float32)
    for name, (where, weight) in read(table, root).items():
        if name not in rows:
            raise UserError(
                f"{where}: {csv_rows.printable(name)} is no training image; expected "
                "the name of one"
            )
        weights[rows[name]] = weight
    if not weights.any():
        raise UserError(
            f"--weights_csv={table}: all {len(paths)} training images weigh 0; "
            "expected some that count"
        )
    return weights


def describe(weights: np.ndarray) -> str:
    """A sentence on weights, float32 [N]."""
    return (
        f"weights of labels: {weights.min():g} to {weights.max():g}, other than 1 of "
        f"{int((weights != 1).sum()):,} of {len(weights):,} training images"
    )
