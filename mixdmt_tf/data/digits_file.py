"""Reads the handwritten digits of scikit-learn without importing it.

Importing scikit-learn takes a fifth of the time of importing TensorFlow, and the file
is a simple table.
"""

from __future__ import annotations

import importlib.util
import pathlib
from typing import Tuple

import numpy as np

from mixdmt_tf.errors import UserError

FILE = pathlib.Path("datasets", "data", "digits.csv.gz")


def read(dataset: str) -> Tuple[np.ndarray, np.ndarray]:
    """Reads the table, in which each row is an image and its class.

    Args:
        dataset: name of the data set that is made of them, for messages.

    Returns:
        Images, float64 [1797, 8, 8] of whole numbers from 0 to 16 (ink), and classes,
        int32 [1797].

    Raises:
        UserError: if scikit-learn is missing, or its file can't be read.
    """
    found = importlib.util.find_spec("sklearn")
    if found is None or not found.submodule_search_locations:
        raise UserError(
            f"--dataset={dataset} needs scikit-learn, which is not installed.\n"
            "pip install scikit-learn"
        )
    path = pathlib.Path(found.submodule_search_locations[0], FILE)
    try:
        table = np.loadtxt(path, delimiter=",")
        ink, classes = table[:, :-1].reshape(-1, 8, 8), table[:, -1]
    except (OSError, EOFError, ValueError) as error:
        raise UserError(
            f"--dataset={dataset} needs scikit-learn's digits, and {path} can't be "
            f"read: {error}\npip install --force-reinstall scikit-learn"
        ) from error
    return ink, classes.astype(np.int32)
