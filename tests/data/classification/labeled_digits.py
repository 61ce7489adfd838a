"""Digits with several labels each, as files and a table, small and real."""

from __future__ import annotations

import csv
import pathlib
from typing import Dict, List

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

NAMES = ("even", "prime", "above four", "closed loop")
UNNAMED = 5  # of each ten training images the table doesn't name one
WITHOUT = 3  # and of one it names it knows no label


def labels_of(digit: int) -> List[int]:
    """Of `NAMES`, which are true."""
    return [
        int(digit % 2 == 0),
        int(digit in (2, 3, 5, 7)),
        int(digit > 4),
        int(digit in (0, 6, 8, 9)),
    ]


def write(root: pathlib.Path, number: int = 100) -> Dict[str, List[str]]:
    """Writes images, every fifth of the test, and `labels.csv`.

    Returns:
        The cells of the table by file: split, and a label each.
    """
    found = load_digits()
    cells: Dict[str, List[str]] = {}
    for place in range(number):
        digit = int(found.target[place])
        file = f"{digit}/{place}.png"
        root.joinpath(file).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.round(found.images[place] * 255 / 16).astype(np.uint8)
        Image.fromarray(pixels).save(root / file)
        labels = [str(each) for each in labels_of(digit)]
        if place % 5 == 4:
            cells[file] = ["test", *labels]
        elif place % 10 == WITHOUT:
            cells[file] = ["", "", "", "", ""]
        elif place % 10 != UNNAMED:
            labels[place % 4] = "" if place % 3 == 0 else labels[place % 4]
            cells[file] = ["train", *labels]
    with open(root / "labels.csv", "w", newline="", encoding="utf-8") as file:
        rows = [["file", "split", *NAMES], *([name, *r] for name, r in cells.items())]
        csv.writer(file).writerows(rows)
    return cells
