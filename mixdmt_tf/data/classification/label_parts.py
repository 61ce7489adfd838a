"""Predictions of a network for parts of the unlabelled images, before joining them.

    OUTPUT.parts/3-of-16.npz    labels int32 [n], confidence float32 [n], teacher

Each file is written atomically by the process that has this part. The files are kept,
so that a part that is run again is already there.
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
    """Returns the folder of the parts of the pseudo labels in `output`."""
    return output.with_name(f"{output.name}.parts")


def path_of(output: pathlib.Path, part: Part) -> pathlib.Path:
    """Returns the file of one part of the pseudo labels in `output`."""
    return folder_of(output) / f"{part.number}-of-{part.of}.npz"


def write(
    output: pathlib.Path, part: Part, split: Split, teacher: str, guesses: Guesses
) -> None:
    """Writes the file of one part.

    Args:
        output: file for the pseudo labels of all parts.
        part: the part.
        split: split of the unlabelled images.
        teacher: digest of the weights of the network that predicted.
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
    """Reads the predictions of one part.

    Args:
        output: file for the pseudo labels of all parts.
        part: the part.
        split: split of the unlabelled images.
        teacher: digest of the weights of the network that predicted.
        rows: number of images in the part.

    Returns:
        The predictions; None if they are missing or damaged, or have another split or
        teacher.
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
    """Joins the predictions of all parts, in the order of the images."""
    labels, confidence = zip(*parts)
    return np.concatenate(labels), np.concatenate(confidence)


def _note(split: Split, teacher: str) -> str:
    return json.dumps({"version": VERSION, "split": split.digest(), "teacher": teacher})
