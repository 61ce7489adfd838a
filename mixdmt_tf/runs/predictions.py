"""A network's predictions at the last evaluation of a run: `predictions.npz`.

An evaluation predicts every test image, so later reports can reuse the predictions. If
the file is missing or damaged, they are computed again.
"""

from __future__ import annotations

import io
import pathlib
from typing import Dict, Mapping

import numpy as np

from mixdmt_tf import bounds
from mixdmt_tf.data import arrays
from mixdmt_tf.files import DAMAGES, copy_atomically, write_bytes_atomically

NAME = "predictions.npz"
STEP = "step"


def write(folder: pathlib.Path, step: int, found: Mapping[str, np.ndarray]) -> None:
    """Writes arrays by name, and the step whose averaged weights predicted them."""
    content = io.BytesIO()
    np.savez_compressed(content, **{**found, STEP: np.int64(step)})
    write_bytes_atomically(folder / NAME, content.getvalue())


def read(folder: pathlib.Path, step: int) -> Dict[str, np.ndarray]:
    """Reads the arrays; {} if the file is missing, damaged or of another step."""
    try:
        found = arrays.read(folder / NAME, bounds.JSON_BYTES)
    except DAMAGES:
        return {}
    written = found.pop(STEP, None)
    return found if written is not None and np.array_equal(written, step) else {}


def copy(source: pathlib.Path, place: pathlib.Path) -> None:
    """Copies the file of one run's folder to another's, if it is there."""
    if (source / NAME).exists():
        copy_atomically(source / NAME, place / NAME)
