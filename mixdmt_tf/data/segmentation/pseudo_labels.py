"""Pseudo labels of images in a folder: predictions of one network for every pixel.

DMT (arXiv:2004.08514) algorithm 2, steps 13 and 15. Each file has all predictions for
one image. Which of them are kept depends on a threshold for each class in `index.json`.
This file is written last, so a folder with it is complete. Interrupted labelling
continues with the missing images.

    FOLDER/teacher.json   the network; predictions of another network are removed
    FOLDER/000123.npz     of training image 123: `classes` uint8 [H, W], `doubt` float16
    FOLDER/index.json     the thresholds

Doubt is 1 - confidence. Most pixels have a confidence close to 1. A float16 can
distinguish these values as doubts close to 0, but not as confidences.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
from typing import Any, Dict, List, Tuple

import numpy as np

from mixdmt_tf import bounds, digests
from mixdmt_tf.data import arrays
from mixdmt_tf.data.part import WHOLE, Part
from mixdmt_tf.data.splits import Split
from mixdmt_tf.equations import threshold_labels
from mixdmt_tf.errors import UserError
from mixdmt_tf.files import DAMAGES, write_atomically, write_bytes_atomically

VERSION = 1
_GUESS_BYTES = 4 * bounds.PIXELS  # of an image: 1 + 2 bytes per pixel, and headers
INDEX, TEACHER = "index.json", "teacher.json"
_AGAIN = "Remove it and index.json beside it: it is written again."


@dataclasses.dataclass(frozen=True, eq=False)
class PseudoLabels:
    """Pseudo labels of all unlabelled images of a split; a call returns one image.

    Attributes:
        folder: folder of the files.
        thresholds: float64 [C]; a pixel of class c is kept if its confidence is at
            least thresholds[c].
        facts: description of the pseudo labels, words and numbers for reports.
        content: SHA-256, in hex, of all predictions.
    """

    folder: pathlib.Path
    thresholds: np.ndarray
    facts: Dict[str, Any]
    content: str

    def __call__(self, sample_id: int) -> Tuple[np.ndarray, np.ndarray]:
        """Reads classes, uint8 [H, W], 255 if not kept, and confidence, float32 [H, W].

        Raises:
            UserError: if the file is missing or damaged, with its name.
        """
        classes, confidence = read_guess(self.folder, sample_id)
        return self.kept(sample_id, classes, confidence), confidence

    def kept(
        self, sample_id: int, classes: np.ndarray, confidence: np.ndarray
    ) -> np.ndarray:
        """Returns the classes of an image that are kept, and 255 for other pixels.

        Classes and confidence are those of `read_guess`.

        Raises:
            UserError: if a class is out of range, with the name of the file.
        """
        last = len(self.thresholds) - 1
        if classes.max(initial=0) > last:
            raise UserError(
                f"{path_of(self.folder, sample_id)} has the class {classes.max()}; "
                f"expected 0 to {last}.\n{_AGAIN}"
            )
        kept = threshold_labels(classes, confidence, self.thresholds)
        return kept.astype(np.uint8)

    def digest(self) -> str:
        """The SHA-256, in hex, of predictions and thresholds."""
        total = hashlib.sha256(self.content.encode())
        total.update(np.asarray(self.thresholds, "<f8").tobytes())
        return total.hexdigest()


def begun_by(folder: pathlib.Path, split: Split, teacher: str) -> bool:
    """Whether a folder has predictions of this teacher for this split."""
    path = folder / TEACHER
    try:
        noted = bounds.read_text(path, bounds.SMALL_BYTES)
        return noted == _note(split, teacher)
    except (OSError, ValueError):
        return False


def _note(split: Split, teacher: str) -> str:
    return json.dumps({"version": VERSION, "split": split.digest(), "teacher": teacher})


def begin(folder: pathlib.Path, split: Split, teacher: str, part: Part = WHOLE) -> None:
    """Prepares a folder for predictions; removes those of another teacher.

    Args:
        folder: the folder, made if it is missing.
        split: split of the unlabelled images.
        teacher: identifies the network, such as a digest of its weights.
        part: part of the images, if other processes write the other parts. Then no
            files are removed: the folder has to be new, or begun with the same teacher.

    Raises:
        ValueError: if a part is to be written to a folder of another teacher.
    """
    folder.mkdir(parents=True, exist_ok=True)
    own = {path_of(folder, i).name for i in _images(split, part)}
    for leftover in folder.glob(".*.npz.*.tmp"):  # of a process that was killed
        if part == WHOLE or leftover.name[1:].partition(".npz.")[0] + ".npz" in own:
            leftover.unlink()
    if begun_by(folder, split, teacher):
        return
    if part != WHOLE and (folder / TEACHER).exists():
        raise ValueError(f"{folder} holds guesses of another teacher")
    if part == WHOLE:
        digests.forget(folder / INDEX)
        for file in folder.glob("*.npz"):
            file.unlink()
    write_atomically(folder / TEACHER, _note(split, teacher))


def path_of(folder: pathlib.Path, sample_id: int) -> pathlib.Path:
    """Returns the file of one image."""
    return folder / f"{sample_id:06}.npz"


def write_guess(
    folder: pathlib.Path, sample_id: int, classes: np.ndarray, doubt: np.ndarray
) -> None:
    """Writes the predictions for one image, atomically.

    Args:
        folder: folder prepared by `begin`.
        sample_id: id of a training image.
        classes: uint8 [H, W].
        doubt: float16 [H, W], 1 - confidence.
    """
    content = arrays.packed(classes=classes, doubt=doubt)
    write_bytes_atomically(path_of(folder, sample_id), content)


def read_guess(folder: pathlib.Path, sample_id: int) -> Tuple[np.ndarray, np.ndarray]:
    """Reads all predictions for an image: uint8 and float32 (confidence) [H, W].

    Raises:
        UserError: if the file is missing or damaged, with its name.
    """
    path = path_of(folder, sample_id)
    try:
        file = arrays.read(path, _GUESS_BYTES)
        classes, doubt = file["classes"], file["doubt"]
        kinds = (classes.dtype, doubt.dtype, classes.ndim)
        if kinds != (np.uint8, np.float16, 2) or classes.shape != doubt.shape:
            raise ValueError("other arrays than expected")
        if not ((doubt >= 0) & (doubt <= 1)).all():
            raise ValueError("doubt outside of 0 to 1")
    except FileNotFoundError:
        raise UserError(
            f"{path}: there is no such file.\nRemove {folder}: bin/pseudo_label, or "
            "the run that made it, writes it again."
        ) from None
    except DAMAGES as error:
        raise UserError(
            f"{path} is damaged or holds no pseudo labels: {error}.\n{_AGAIN}"
        ) from None
    # Exact: float16 numbers in [0, 1] are multiples of 2**-24, which float32 can hold.
    return classes, np.float32(1) - doubt.astype(np.float32)


def missing(folder: pathlib.Path, split: Split, part: Part = WHOLE) -> List[int]:
    """Returns the unlabelled images of a split, or a part of it, without a file."""
    return [i for i in _images(split, part) if not path_of(folder, i).exists()]


def lacking(folder: pathlib.Path, split: Split, part: Part) -> List[Part]:
    """Returns those of `part.of` parts that have images without a file."""
    lacks = set(missing(folder, split))
    ids = split.unlabeled.tolist()
    return part.lacking(len(ids), (n for n, i in enumerate(ids) if i in lacks))


def _images(split: Split, part: Part) -> List[int]:
    rows = part.range(len(split.unlabeled))
    ids: List[int] = split.unlabeled[rows.start : rows.stop].tolist()
    return ids


def is_whole(folder: pathlib.Path, split: Split) -> bool:
    """Whether all images have a file."""
    return digests.is_sound(folder / INDEX) and not missing(folder, split)


def finish(
    folder: pathlib.Path,
    split: Split,
    thresholds: np.ndarray,
    facts: Dict[str, Any],
    content: str,
) -> PseudoLabels:
    """Writes `index.json`, which marks the folder as complete.

    Args:
        folder: folder with a file for each unlabelled image.
        split: split of the images.
        thresholds: float64 [C].
        facts: description for reports; anything that JSON can hold.
        content: SHA-256 of all predictions.
    """
    note = {
        "version": VERSION,
        "split": split.digest(),
        "thresholds": thresholds.tolist(),
        "facts": facts,
        "content": content,
    }
    digests.write(folder / INDEX, json.dumps(note, indent=1))
    return PseudoLabels(folder, thresholds, facts, content)


def read(folder: pathlib.Path, split: Split, num_classes: int) -> PseudoLabels:
    """Opens a complete folder of pseudo labels.

    Args:
        folder: folder of the pseudo labels.
        split: split of the run that trains on them.
        num_classes: number of classes, C.

    Raises:
        UserError: if there are no pseudo labels, they belong to another split or to
            other classes, or are damaged.
    """
    path = folder / INDEX
    try:
        if not path.exists():  # whether or not there was one
            raise FileNotFoundError
        note = digests.read_json(path)
        if note["version"] != VERSION:
            raise ValueError(f"version {note['version']}")
        thresholds = np.array(note["thresholds"], np.float64)
        labels = PseudoLabels(folder, thresholds, note["facts"], str(note["content"]))
        digest = note["split"]
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(
            f"--pseudo_labels={folder}: there is no {INDEX}.\n"
            "bin/pseudo_label writes such a folder."
        ) from None
    except (*DAMAGES, digests.Damaged) as error:
        raise UserError(
            f"{path} is damaged or no index of pseudo labels: "
            f"{getattr(error, 'how', error)}.\n"
            "Remove it: bin/pseudo_label, or the run that made it, writes it again."
        ) from None
    if digest != split.digest():
        raise UserError(
            f"--pseudo_labels={folder} belongs to another split.\n"
            "Give --split=RUN/split.json of the run that predicted the labels."
        )
    if thresholds.shape != (num_classes,):
        raise UserError(
            f"--pseudo_labels={folder} has {thresholds.size} classes; expected "
            f"{num_classes}"
        )
    return labels
