"""Pseudo labels of images in a folder: what one network says of every pixel.

DMT (arXiv:2004.08514) algorithm 2, steps 13 and 15. One file holds the guesses of one
image, all of them; which are kept is a threshold for each class, in `index.json`. That
file is written last, so a folder that has it is whole. Labelling that was stopped goes
on with the images that are missing.

    FOLDER/teacher.json   who is asked; guesses of somebody else are removed
    FOLDER/000123.npz     of training image 123: `classes` uint8 [H, W], `doubt` float16
    FOLDER/index.json     the thresholds

Doubt is 1 - confidence. A float16 tells apart confidences next to 1 as doubts next to
0, and most pixels are there: as confidences they would be one large tie.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
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
_GUESS_BYTES = 4 * bounds.PIXELS  # of an image: a byte and two, and headers
INDEX, TEACHER = "index.json", "teacher.json"
_AGAIN = "Remove it and index.json beside it: it is written again."


@dataclasses.dataclass(frozen=True, eq=False)
class PseudoLabels:
    """Guesses for all unlabelled images of a split; called, those of one image.

    Attributes:
        folder: where they are.
        thresholds: float64 [C]; a pixel of class c is kept if its confidence is at
            least the c-th.
        facts: words and numbers about them, for people.
        content: sha256, in hex, of all guesses.
    """

    folder: pathlib.Path
    thresholds: np.ndarray
    facts: Dict[str, Any]
    content: str

    def __call__(self, sample_id: int) -> Tuple[np.ndarray, np.ndarray]:
        """Classes uint8 [H, W], 255 where not kept, and confidence float32 [H, W].

        Raises:
            UserError: naming the file, if it is missing or damaged.
        """
        classes, confidence = read_guess(self.folder, sample_id)
        return self.kept(sample_id, classes, confidence), confidence

    def kept(
        self, sample_id: int, classes: np.ndarray, confidence: np.ndarray
    ) -> np.ndarray:
        """Of an image's guesses, from `read_guess`, those that are kept; 255 elsewhere.

        Raises:
            UserError: naming the file, if there is a class that is none.
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
        """Sha256, in hex, of guesses and thresholds."""
        total = hashlib.sha256(self.content.encode())
        total.update(np.asarray(self.thresholds, "<f8").tobytes())
        return total.hexdigest()


def begun_by(folder: pathlib.Path, split: Split, teacher: str) -> bool:
    """Whether what is in a folder are guesses of this teacher for this split."""
    path = folder / TEACHER
    try:
        noted = bounds.read_text(path, bounds.SMALL_BYTES)
        return noted == _note(split, teacher)
    except (OSError, ValueError):
        return False


def _note(split: Split, teacher: str) -> str:
    return json.dumps({"version": VERSION, "split": split.digest(), "teacher": teacher})


def begin(folder: pathlib.Path, split: Split, teacher: str, part: Part = WHOLE) -> None:
    """Makes a folder ready for guesses; those of another teacher are removed.

    Args:
        folder: made if it is missing.
        split: whose unlabelled images are labelled.
        teacher: says who is asked: a digest of its weights, say.
        part: of the images, if other processes write the others. Then nothing of
            theirs is touched: the folder must be new, or begun by the same teacher.

    Raises:
        ValueError: if a part is to be written where somebody else began.
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
    """The file of one image."""
    return folder / f"{sample_id:06}.npz"


def write_guess(
    folder: pathlib.Path, sample_id: int, classes: np.ndarray, doubt: np.ndarray
) -> None:
    """Writes the guesses for one image, whole or not at all.

    Args:
        folder: that `begin` made.
        sample_id: of a training image.
        classes: uint8 [H, W].
        doubt: float16 [H, W], 1 - confidence.
    """
    buffer = io.BytesIO()
    np.savez_compressed(buffer, classes=classes, doubt=doubt)
    write_bytes_atomically(path_of(folder, sample_id), buffer.getvalue())


def read_guess(folder: pathlib.Path, sample_id: int) -> Tuple[np.ndarray, np.ndarray]:
    """All guesses for one image: classes uint8 [H, W], confidence float32 [H, W].

    Raises:
        UserError: naming the file, if it is missing or damaged.
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
    # Exact: a float16 in [0, 1] is a multiple of 2**-24, and so is a float32 below 1.
    return classes, np.float32(1) - doubt.astype(np.float32)


def missing(folder: pathlib.Path, split: Split, part: Part = WHOLE) -> List[int]:
    """The unlabelled images of a split, or of a part of them, that have no file yet."""
    return [i for i in _images(split, part) if not path_of(folder, i).exists()]


def lacking(folder: pathlib.Path, split: Split, part: Part) -> List[Part]:
    """The parts, of as many as `part` is one of, that have images without a file."""
    lacks = set(missing(folder, split))
    ids = split.unlabeled.tolist()
    return part.lacking(len(ids), (n for n, i in enumerate(ids) if i in lacks))


def _images(split: Split, part: Part) -> List[int]:
    rows = part.range(len(split.unlabeled))
    ids: List[int] = split.unlabeled[rows.start : rows.stop].tolist()
    return ids


def is_whole(folder: pathlib.Path, split: Split) -> bool:
    """Whether nothing is missing."""
    return digests.is_sound(folder / INDEX) and not missing(folder, split)


def finish(
    folder: pathlib.Path,
    split: Split,
    thresholds: np.ndarray,
    facts: Dict[str, Any],
    content: str,
) -> PseudoLabels:
    """Writes `index.json`, which says that all guesses are there.

    Args:
        folder: with a file for each unlabelled image.
        split: of the images.
        thresholds: float64 [C].
        facts: for people; anything that JSON can hold.
        content: sha256 of all guesses.
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
    """Opens what `finish` finished.

    Args:
        folder: of the pseudo labels.
        split: of the run that is to learn from them.
        num_classes: C.

    Raises:
        UserError: if there are none, they belong to another split or to other classes,
            or are damaged.
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
            "Give --split=RUN/split.json of the run that was asked for the labels."
        )
    if thresholds.shape != (num_classes,):
        raise UserError(
            f"--pseudo_labels={folder} has {thresholds.size} classes; expected "
            f"{num_classes}"
        )
    return labels
