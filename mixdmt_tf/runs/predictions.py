"""What a run's network said at its last evaluation: `predictions.npz`.

An evaluation asks the network about every test image; whoever reports on the run later
need not ask again. The file may be missing or damaged: then they do.
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
    """Writes arrays by name, and the step whose averaged weights they are of."""
    content = io.BytesIO()
    np.savez_compressed(content, **{**found, STEP: np.int64(step)})
    write_bytes_atomically(folder / NAME, content.getvalue())


def read(folder: pathlib.Path, step: int) -> Dict[str, np.ndarray]:
    """The arrays of a step; {} if the file is missing, damaged or of another step."""
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
