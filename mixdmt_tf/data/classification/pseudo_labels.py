"""Pseudo labels in a file: what one network says of the unlabelled images.

DMT algorithm 1, step 5. The file holds the guess for every unlabelled image and which
of them were selected, so that a round can be repeated and judged from it alone.
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
    """Guessed classes of all unlabelled images of a split.

    Attributes:
        ids: int64 [N], training images, as `Split.unlabeled` has them.
        labels: int32 [N], the likeliest classes.
        confidence: float32 [N], their probabilities.
        kept: bool [N], which of them are trained on.
        facts: where they come from: words and numbers, for people.
        class_weights: float32 [C] of labels from a graph; then each label counts by its
            confidence and the weight of its class. None: all count alike.
    """

    ids: np.ndarray
    labels: np.ndarray
    confidence: np.ndarray
    kept: np.ndarray
    facts: Dict[str, Any] = dataclasses.field(default_factory=dict)
    class_weights: Optional[np.ndarray] = None

    def __post_init__(self) -> None:
        """Refuses arrays of another kind with a ValueError."""
        for name, dtype in _ARRAYS.items():
            array = getattr(self, name)
            if array.dtype != dtype or array.shape != self.ids.shape[:1]:
                raise ValueError(
                    f"{name}: expected {np.dtype(dtype)} [{len(self.ids)}], "
                    f"got {array.dtype} {list(array.shape)}"
                )

    def row_weights(self) -> np.ndarray:
        """What each label counts, float32 [N]."""
        if self.class_weights is None:
            return np.ones_like(self.confidence)
        return self.confidence * self.class_weights[self.labels]

    def digest(self) -> str:
        """Sha256 in hex of all arrays."""
        total = hashlib.sha256()
        for name in self._names():
            array = np.ascontiguousarray(getattr(self, name))
            total.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
        return total.hexdigest()

    def _names(self) -> List[str]:
        return [*_ARRAYS, *(["class_weights"] * (self.class_weights is not None))]


def write(path: pathlib.Path, pseudo: PseudoLabels, split: Split) -> None:
    """Writes the file, whole or not at all.

    Args:
        path: where, usually `pseudo_labels.npz`.
        pseudo: of the split's unlabelled images.
        split: whose digest is noted.
    """
    note = {"version": VERSION, "split": split.digest(), "facts": pseudo.facts}
    arrays = {name: getattr(pseudo, name) for name in pseudo._names()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, note=np.array(json.dumps(note)), **arrays)
    write_bytes_atomically(path, buffer.getvalue())


def read(path: pathlib.Path, split: Split, num_classes: int) -> PseudoLabels:
    """Reads what `write` wrote.

    Args:
        path: of the file.
        split: of the run that is to learn from it.
        num_classes: C.

    Raises:
        UserError: if the file is missing or damaged, belongs to another split, or holds
            a label that is no class, or keeps none.
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
            "Give --split=RUN/split.json of the run that was asked for the labels."
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
