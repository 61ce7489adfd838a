"""Weights of the labels of a user's images: a CSV file with columns file and weight."""

from __future__ import annotations

import math
import os
import pathlib
from typing import Dict, Sequence, Tuple

import numpy as np

from mixdmt_tf.data import csv_rows
from mixdmt_tf.errors import UserError

MOST = 1e6  # largest weight; a larger one is most likely a mistake


def read(table: pathlib.Path, root: pathlib.Path) -> Dict[str, Tuple[str, float]]:
    """Reads the file, without checking that the images are training images.

    Args:
        table: path of the file.
        root: folder of the images.

    Returns:
        For each file, relative to `root`, its place in the table and its weight.

    Raises:
        UserError: if a weight is not a number from 0 to `MOST`, or a file is missing or
            occurs twice; with the row.
    """
    found: Dict[str, Tuple[str, float]] = {}
    named = f"--weights_csv={csv_rows.printable(table)}"
    for where, row in csv_rows.read(table, named, ("file", "weight"))[1]:
        name = csv_rows.file_name(row["file"])
        shown = csv_rows.printable(name)
        if name in found:
            earlier = found[name][0].rpartition(", ")[2]
            raise UserError(f"{where}: {shown} has a weight already, on {earlier}")
        # `Path.is_file` raises for long names.
        if not any(os.path.isfile(root / each) for each in csv_rows.spellings(name)):
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
    """Returns the weights of training images; images not in the table have weight 1.

    Args:
        table: path of the file.
        root: folder of the images.
        paths: paths of the training images.

    Returns:
        float32 [N].

    Raises:
        UserError: as `read`, or if an image of the table is not a training image, or
            all weights are 0.
    """
    rows = csv_rows.places(csv_rows.relative(path, root) for path in paths)
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
    """Describes weights, float32 [N], in a sentence."""
    return (
        f"weights of labels: {weights.min():g} to {weights.max():g}, other than 1 of "
        f"{int((weights != 1).sum()):,} of {len(weights):,} training images"
    )
