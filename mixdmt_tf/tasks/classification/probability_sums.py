"""Sums of the probabilities that all networks of a run predicted for unlabelled images.

If a single network labels the images in each round, its random errors are passed on;
the mean of independently trained networks has fewer. The sums of a round, float32
[N, C], are in a file beside its labels, `RUN/pseudo_labels/round_2_probabilities.npz`,
until those of the next round exist, so that each network predicts only once.
"""

from __future__ import annotations

import hashlib
import io
import pathlib
from typing import Optional

import numpy as np

from mixdmt_tf.data import arrays
from mixdmt_tf.data.splits import Split
from mixdmt_tf.files import DAMAGES, write_bytes_atomically
from mixdmt_tf.tasks.classification.labeling import Guesses

_KEYS = 4096  # bytes of names and headers in the file


def place(labels: pathlib.Path) -> pathlib.Path:
    """Returns the path of the sums beside these pseudo labels."""
    return labels.with_name(f"{labels.stem}_probabilities.npz")


def guesses(sums: np.ndarray) -> Guesses:
    """Returns the most probable classes by the networks' mean, with probabilities.

    Args:
        sums: float32 [N, C], probabilities of one network or of several.
    """
    confidence = sums.max(-1) / np.maximum(sums.sum(-1), np.finfo(np.float32).tiny)
    return sums.argmax(-1).astype(np.int32), confidence.astype(np.float32)


def write(path: pathlib.Path, sums: np.ndarray, split: Split) -> None:
    """Writes the file atomically.

    Args:
        path: of the file.
        sums: float32 [N, C], of the split's unlabelled images.
        split: of the run.
    """
    buffer = io.BytesIO()
    np.savez(buffer, sums=sums, digest=np.array(_digest(sums, split)))
    write_bytes_atomically(path, buffer.getvalue())


def read(path: pathlib.Path, split: Split, num_classes: int) -> Optional[np.ndarray]:
    """Reads the sums; None if the file is missing, damaged, or of other images.

    Args:
        path: of the file.
        split: of the run.
        num_classes: C.
    """
    shape = len(split.unlabeled), num_classes
    try:
        file = arrays.read(path, 4 * shape[0] * shape[1] + _KEYS)
        sums, digest = file["sums"], str(file["digest"])
    except (FileNotFoundError, *DAMAGES):
        return None
    sound = sums.shape == shape and sums.dtype == np.float32
    return sums if sound and digest == _digest(sums, split) else None


def _digest(sums: np.ndarray, split: Split) -> str:
    digest = hashlib.sha256(split.digest().encode())
    digest.update(np.ascontiguousarray(sums).data)
    return digest.hexdigest()
