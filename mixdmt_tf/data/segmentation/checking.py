"""Checks the files of a data set before training."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
from typing import Callable, List, NamedTuple, Optional, Sequence

import numpy as np

from mixdmt_tf.data import image_files
from mixdmt_tf.data.segmentation import known_files
from mixdmt_tf.data.segmentation.known_files import Look
from mixdmt_tf.data.segmentation.source import IGNORED, Sample, Source
from mixdmt_tf.data.splits import Split
from mixdmt_tf.errors import UserError

LISTED = 5
_NAMES = {"train": "training", "validation": "validation", "test": "test"}
_AHEAD = 64  # images given to the threads at a time, which bounds memory

Progress = Callable[[int, int], None]


def check(
    source: Source,
    split: Optional[Split] = None,
    progress: Optional[Progress] = None,
    otherwise: str = "leave them out with --on_bad_image=skip",
) -> None:
    """Reads every image that will be used once, and reports unusable ones.

    Args:
        source: the data set.
        split: if given, only its training images are read, without hidden labels.
            Otherwise all images and all labels are read.
        progress: called with (images read, images in all), sometimes and at the end.
        otherwise: what the user can do instead of repairing or removing files; '':
            nothing.

    Raises:
        UserError: if images can't be used; with the first five files, their problems,
            and the number of all.
    """
    tasks = _tasks(source, split)
    looks = _looks(source, tasks, progress)
    problems = [look.problem for look in looks if look.problem]
    if problems:
        lines = problems[:LISTED]
        if len(problems) > LISTED:
            lines.append(f"and {len(problems) - LISTED} more")
        raise UserError(
            f"{len(problems)} of {len(tasks)} images of {source.name} can't be used; "
            "repair or "
            + (f"remove them, or {otherwise}" if otherwise else "remove them")
            + ":\n  "
            + "\n  ".join(lines)
        )
    _require_labels(source, tasks, looks)


def sound(source: Source, progress: Optional[Progress] = None) -> Source:
    """Reads every image and all labels once, and removes unusable images.

    Args:
        source: the data set.
        progress: see `check`.

    Returns:
        The data set without the unusable images, which `skipped` lists.

    Raises:
        UserError: if no labelled training image is left, or none of the validation
            images.
    """
    tasks = _tasks(source)
    looks = _looks(source, tasks, progress)
    skipped = tuple(look.problem for look in looks if look.problem)
    # By identity: images of different parts may have the same name.
    bad = {id(task.sample) for task, look in zip(tasks, looks) if look.problem}
    parts = {
        part: tuple(sample for sample in samples if id(sample) not in bad)
        for part, samples in source.parts()
    }
    known = any(sample.known for sample in parts["train"])
    if not known or (source.validation and not parts["validation"]):
        what = "validation" if known else "labelled training"
        raise UserError(
            f"{len(skipped)} of {len(tasks)} images of {source.name} can't be used, "
            f"and without them there is no {what} image left; the first of them:\n"
            f"{skipped[0] if skipped else 'none'}"
        )
    _require_labels(source, tasks, looks)
    left = {sample.name for sample in parts["train"]}
    note = f"{len(skipped):,} of {len(tasks):,} images can't be used: left out"
    return dataclasses.replace(
        source,
        **{**parts, "test": parts.get("test") or None},
        lists={
            name: tuple(member for member in members if member in left)
            for name, members in source.lists.items()
        },
        notes=(*source.notes, note) if skipped else source.notes,
        skipped=skipped,
    )


class _Task(NamedTuple):
    """An image to read, its part, and whether to read its labels."""

    part: str
    sample: Sample
    with_labels: bool


def _looks(
    source: Source, tasks: Sequence[_Task], progress: Optional[Progress] = None
) -> List[Look]:
    """Reads the images, or returns the stored results of an earlier read."""
    known = known_files.key(source, [(task.sample, task.with_labels) for task in tasks])
    before = known and known_files.read(known, len(tasks))

    def look(task: _Task) -> Look:
        return _look(task.sample, source.num_classes, task.with_labels)

    if before:
        # What failed is read again: the cause, such as too little memory, may be gone.
        again = [look(t) if b.problem else b for t, b in zip(tasks, before)]
        if known and any(each.problem for each in before):
            known_files.write(known, again)
        return again
    looks: List[Look] = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(tasks), _AHEAD):
            looks += pool.map(look, tasks[start : start + _AHEAD])
            if progress:
                progress(min(start + _AHEAD, len(tasks)), len(tasks))
    if known:
        known_files.write(known, looks)
    return looks


def _require_labels(
    source: Source, tasks: Sequence[_Task], looks: Sequence[Look]
) -> None:
    """Raises an error if all pixels are ignored: no loss or mean IoU would exist."""
    for part in dict.fromkeys(task.part for task in tasks):
        labeled = [
            look.labeled
            for task, look in zip(tasks, looks)
            if task.part == part and task.with_labels and not look.problem
        ]
        if labeled and not any(labeled):
            raise UserError(
                f"{source.name}: every pixel of the {len(labeled)} masks of "
                f"{_NAMES[part]} images is {IGNORED}, which is ignored.\nExpected "
                "masks with a class for the pixels that count; in masks of 0 and 255, "
                "colours.txt says what 255 is."
            )


def _look(sample: Sample, num_classes: int, with_labels: bool) -> Look:
    """Reads an image and, if required, its labels, 0 to C - 1 or 255."""
    name = image_files.printable(sample.labels_place())
    try:
        image = sample.image()
        labels = sample.labels() if with_labels else None
    except UserError as error:
        return Look(str(error))
    if not with_labels:
        return Look(None)
    if labels is None:
        return Look(f"{name}: has no labels")
    if labels.shape != image.shape[:2]:
        return Look(
            f"{name}: image {_by(image)}, labels {_by(labels)}; expected the same"
        )
    wrong = np.setdiff1d(labels, [*range(num_classes), IGNORED])
    if len(wrong):
        row, column = np.argwhere(labels == wrong[0])[0]
        return Look(
            f"{name}: label {wrong[0]} (row {row}, column {column}); "
            f"expected 0 to {num_classes - 1}, or {IGNORED}"
        )
    return Look(None, bool((labels != IGNORED).any()))


def _tasks(source: Source, split: Optional[Split] = None) -> List[_Task]:
    """Returns the images to read."""
    tasks: List[_Task] = []
    for part, members in source.parts():
        if part != "train":
            tasks += [_Task(part, sample, True) for sample in members]
        elif split is None:
            tasks += [_Task(part, sample, sample.known) for sample in members]
        else:
            tasks += [_Task(part, members[i], True) for i in split.labeled]
            tasks += [_Task(part, members[i], False) for i in split.unlabeled]
    return tasks


def _by(array: np.ndarray) -> str:
    return f"{array.shape[1]} x {array.shape[0]}"
