"""Pseudo labels in a file: predictions of one network for the unlabelled images.

DMT algorithm 1, step 5. The file has the prediction for every unlabelled image and
which of them were selected, so it suffices to repeat and evaluate a round.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import pathlib
from typing import Any, Dict, List, Optional

import numpy as np

from mixdmt_tf import bounds
from mixdmt_tf.data import arrays as arrays_
from mixdmt_tf.data.splits import Split
from mixdmt_tf.errors import UserError
from mixdmt_tf.files import DAMAGES, write_bytes_atomically

VERSION = 1
_ARRAYS = {
    "ids": np.int64,
    "labels": np.int32,
    "confidence": np.float32,
    "kept": np.bool_,
}


@dataclasses.dataclass(frozen=True, eq=False)
class PseudoLabels:
    """Predicted classes of all unlabelled images of a split.

    Attributes:
        ids: int64 [N], ids of the training images, as in `Split.unlabeled`.
        labels: int32 [N], the most likely classes.
        confidence: float32 [N], probabilities of these classes.
        kept: bool [N], which pseudo labels are trained on.
        facts: description of their origin, words and numbers for reports.
        class_weights: float32 [C], for labels from a graph; the weight of each label is
            then its confidence times the weight of its class. None: equal weights.
    """

    ids: np.ndarray
    labels: np.ndarray
    confidence: np.ndarray
    kept: np.ndarray
    facts: Dict[str, Any] = dataclasses.field(default_factory=dict)
    class_weights: Optional[np.ndarray] = None

    def __post_init__(self) -> None:
        """Raises a ValueError for arrays of a wrong dtype or shape."""
        for name, dtype in _ARRAYS.items():
            array = getattr(self, name)
            if array.dtype != dtype or array.shape != self.ids.shape[:1]:
                raise ValueError(
                    f"{name}: expected {np.dtype(dtype)} [{len(self.ids)}], "
                    f"got {array.dtype} {list(array.shape)}"
                )

    def row_weights(self) -> np.ndarray:
        """Returns the weights of the labels, float32 [N]."""
        if self.class_weights is None:
            return np.ones_like(self.confidence)
        return self.confidence * self.class_weights[self.labels]

    def digest(self) -> str:
        """Returns the SHA-256 of all arrays in hex."""
        total = hashlib.sha256()
        for name in self._names():
            array = np.ascontiguousarray(getattr(self, name))
            total.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
        return total.hexdigest()

    def _names(self) -> List[str]:
        return [*_ARRAYS, *(["class_weights"] * (self.class_weights is not None))]


def write(path: pathlib.Path, pseudo: PseudoLabels, split: Split) -> None:
    """Writes the file atomically.

    Args:
        path: path of the file, usually `pseudo_labels.npz`.
        pseudo: pseudo labels of the split's unlabelled images.
        split: the split, whose digest is stored in the file.
    """
    note = {"version": VERSION, "split": split.digest(), "facts": pseudo.facts}
    arrays = {name: getattr(pseudo, name) for name in pseudo._names()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, note=np.array(json.dumps(note)), **arrays)
    write_bytes_atomically(path, buffer.getvalue())


def read(path: pathlib.Path, split: Split, num_classes: int) -> PseudoLabels:
    """Reads a file written by `write`.

    Args:
        path: path of the file.
        split: split of the run that trains on the pseudo labels.
        num_classes: number of classes, C.

    Raises:
        UserError: if the file is missing or damaged, belongs to another split, has an
            invalid label, or keeps no label.
    """
    try:
        file = arrays_.read(path, bounds.PSEUDO_LABELS_BYTES)
        note = json.loads(str(file["note"]))
        arrays = {name: file[name] for name in _ARRAYS}
        if "class_weights" in file:
            arrays["class_weights"] = file["class_weights"].astype(np.float32)
        if note["version"] != VERSION:
            raise ValueError(f"version {note['version']}")
        pseudo = PseudoLabels(**arrays, facts=note["facts"])
        digest = note["split"]
    except FileNotFoundError:
        raise UserError(
            f"--pseudo_labels={path}: there is no such file.\n"
            "bin/pseudo_label writes one."
        ) from None
    except DAMAGES as error:
        raise UserError(
            f"--pseudo_labels={path} is damaged or no file of pseudo labels: {error}.\n"
            "Remove it: bin/pseudo_label, or the run that made it, writes it again."
        ) from None
    fits = np.array_equal(pseudo.ids, split.unlabeled)
    if digest != split.digest() or not fits:
        raise UserError(
            f"--pseudo_labels={path} belongs to another split.\n"
            "Give --split=RUN/split.json of the run that predicted the labels."
        )
    if len(pseudo.labels) and not 0 <= pseudo.labels.min() <= pseudo.labels.max() < (
        num_classes
    ):
        raise UserError(
            f"--pseudo_labels={path}: labels from {pseudo.labels.min()} to "
            f"{pseudo.labels.max()}; expected 0 to {num_classes - 1}"
        )
    if pseudo.class_weights is not None and len(pseudo.class_weights) != num_classes:
        raise UserError(
            f"--pseudo_labels={path}: weights of {len(pseudo.class_weights)} classes; "
            f"expected {num_classes}"
        )
    if not pseudo.kept.any():
        raise UserError(f"--pseudo_labels={path} keeps none of its labels.")
    return pseudo
