"""What all networks of a run said so far of the unlabelled images, added up.

Rounds in which each network labels by itself pass on its chance mistakes; the mean of
networks that began anew makes fewer. The sums of a round, float32 [N, C], are a file
beside its labels, `RUN/pseudo_labels/round_2_probabilities.npz`, until the next one's
are there, so that each network is asked once.
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
    """The file beside those pseudo labels."""
    return labels.with_name(f"{labels.stem}_probabilities.npz")


def guesses(sums: np.ndarray) -> Guesses:
    """The likeliest classes by the mean of the networks, and their probabilities.

    Args:
        sums: float32 [N, C], probabilities of one network or of several.
    """
    confidence = sums.max(-1) / np.maximum(sums.sum(-1), np.finfo(np.float32).tiny)
    return sums.argmax(-1).astype(np.int32), confidence.astype(np.float32)


def write(path: pathlib.Path, sums: np.ndarray, split: Split) -> None:
    """Writes the file, whole or not at all.

    Args:
        path: where.
        sums: float32 [N, C], of the split's unlabelled images.
        split: of the run.
    """
    buffer = io.BytesIO()
    np.savez(buffer, sums=sums, digest=np.array(_digest(sums, split)))
    write_bytes_atomically(path, buffer.getvalue())


def read(path: pathlib.Path, split: Split, num_classes: int) -> Optional[np.ndarray]:
    """The sums; None if there are none, or damaged ones, or of other images.

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
