"""Guesses of one network for parts of the unlabelled images, before they are joined.

    OUTPUT.parts/3-of-16.npz    labels int32 [n], confidence float32 [n], and whose

Each file is written whole or not at all, by the process that has this part. They are
kept: who runs a part again finds it there.
"""

from __future__ import annotations

import io
import json
import pathlib
from typing import List, Optional, Tuple

import numpy as np

from mixdmt_tf import bounds
from mixdmt_tf.data import arrays
from mixdmt_tf.data.part import Part
from mixdmt_tf.data.splits import Split
from mixdmt_tf.files import DAMAGES, write_bytes_atomically

VERSION = 1
Guesses = Tuple[np.ndarray, np.ndarray]


def folder_of(output: pathlib.Path) -> pathlib.Path:
    """The folder of all parts of pseudo labels that are to be in `output`."""
    return output.with_name(f"{output.name}.parts")


def path_of(output: pathlib.Path, part: Part) -> pathlib.Path:
    """The file of one part, of pseudo labels that are to be in `output`."""
    return folder_of(output) / f"{part.number}-of-{part.of}.npz"


def write(
    output: pathlib.Path, part: Part, split: Split, teacher: str, guesses: Guesses
) -> None:
    """Writes the file of one part.

    Args:
        output: the file of pseudo labels that comes of all.
        part: which.
        split: whose unlabelled images are labelled.
        teacher: says who was asked: a digest of its weights.
        guesses: classes int32 [n] and confidence float32 [n] of the part's images.
    """
    path = path_of(output, part)
    path.parent.mkdir(exist_ok=True)
    labels, confidence = guesses
    note = np.array(_note(split, teacher))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, note=note, labels=labels, confidence=confidence)
    write_bytes_atomically(path, buffer.getvalue())


def read(
    output: pathlib.Path, part: Part, split: Split, teacher: str, rows: int
) -> Optional[Guesses]:
    """The guesses of one part; None if they are not there, damaged or of others.

    Args:
        output: the file of pseudo labels that comes of all.
        part: which.
        split: whose unlabelled images are labelled.
        teacher: says who was asked.
        rows: images of the part.
    """
    try:
        file = arrays.read(path_of(output, part), bounds.PSEUDO_LABELS_BYTES)
        labels, confidence = file["labels"], file["confidence"]
        kinds = (labels.dtype, confidence.dtype, labels.shape, confidence.shape)
        known = str(file["note"]) == _note(split, teacher)
    except DAMAGES:
        return None
    expected = (np.int32, np.float32, (rows,), (rows,))
    return (labels, confidence) if known and kinds == expected else None


def join(parts: List[Guesses]) -> Guesses:
    """The guesses of all images from those of all parts, in their order."""
    labels, confidence = zip(*parts)
    return np.concatenate(labels), np.concatenate(confidence)


def _note(split: Split, teacher: str) -> str:
    return json.dumps({"version": VERSION, "split": split.digest(), "teacher": teacher})
