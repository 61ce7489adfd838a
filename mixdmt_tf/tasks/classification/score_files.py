"""The file of fixed scores of unlabelled images, `ood_scores.npz` beside the split."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import pathlib
from typing import Any, Dict, Optional

import numpy as np

from mixdmt_tf import bounds
from mixdmt_tf.algorithms.parts.fixed_scores import FixedScores
from mixdmt_tf.algorithms.parts.image_scores import StrangerShare
from mixdmt_tf.data import arrays
from mixdmt_tf.data.splits import Split
from mixdmt_tf.errors import UserError
from mixdmt_tf.files import DAMAGES, write_bytes_atomically

NAME = "ood_scores.npz"


def write(path: pathlib.Path, found: FixedScores, split: Split) -> None:
    """Writes the file atomically.

    Args:
        path: of the file.
        found: scores of the split's unlabelled images.
        split: of the run.
    """
    share = None if found.share is None else dataclasses.asdict(found.share)
    note = {"share": share, "note": found.note, "images": _digest(split.unlabeled)}
    note["digest"] = _of_all(note, found.scores)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, note=np.array(json.dumps(note)), scores=found.scores)
    write_bytes_atomically(path, buffer.getvalue())


def read(path: pathlib.Path, split: Optional[Split] = None) -> FixedScores:
    """Reads a file written by `write`.

    Args:
        path: of the file.
        split: of the run that the scores are for; None: that of any run.

    Raises:
        UserError: if the file is missing, damaged, or of other unlabelled images.
    """
    try:
        file = arrays.read(path, bounds.PSEUDO_LABELS_BYTES)
        note, scores = json.loads(str(file["note"])), file["scores"]
        if note.pop("digest") != _of_all(note, scores):
            raise ValueError("it does not fit its own digest")
        share = None if note["share"] is None else StrangerShare(**note["share"])
        found = FixedScores(scores, share, note["note"])
        images = note["images"]
    except FileNotFoundError:
        raise UserError(
            f"--ood_scores={path}: there is no such file.\n"
            "Expected the ood_scores.npz of a run whose mask has fixed scores."
        ) from None
    except DAMAGES as error:
        raise UserError(
            f"--ood_scores={path} is damaged or no file of scores: {error}.\n"
            "Remove it: the run that made it writes it again."
        ) from None
    if split is not None and images != _digest(split.unlabeled):
        raise UserError(
            f"--ood_scores={path} is of other unlabelled images.\n"
            "Give --split=RUN/split.json of the run that it belongs to."
        )
    return found


def is_sound(path: pathlib.Path, split: Split) -> bool:
    """Returns whether there is an undamaged file of the split's unlabelled images."""
    try:
        read(path, split)
    except UserError:
        return False
    return True


def _of_all(note: Dict[str, Any], scores: np.ndarray) -> str:
    text = json.dumps(note, sort_keys=True)
    return hashlib.sha256(text.encode() + _digest(scores).encode()).hexdigest()


def _digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
