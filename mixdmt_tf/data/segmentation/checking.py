"""Finds what is wrong with the files of a data set before anybody trains on it."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
from typing import Callable, List, Optional, Sequence, Tuple

import numpy as np

from mixdmt_tf.data import image_files
from mixdmt_tf.data.segmentation.source import IGNORED, Sample, Source
from mixdmt_tf.data.splits import Split
from mixdmt_tf.errors import UserError

LISTED = 5
_AHEAD = 64  # images given to the threads at a time, so that few wait in memory

Progress = Callable[[int, int], None]


def check(
    source: Source, split: Optional[Split] = None, progress: Optional[Progress] = None
) -> None:
    """Reads every image that will be used once, and says what can't be used.

    Args:
        source: the data set.
        split: with it, only its training images are read, and not the labels that it
            hides; without, all images and all labels.
        progress: called with (images read, images in all), now and then and at the end.

    Raises:
        UserError: with the first five bad files, each by name with what is wrong, and
            the number of all.
    """
    tasks = _tasks(source, split)
    problems = [line for line in _problems(source, tasks, progress) if line]
    if problems:
        lines = problems[:LISTED]
        if len(problems) > LISTED:
            lines.append(f"and {len(problems) - LISTED} more")
        raise UserError(
            f"{len(problems)} of {len(tasks)} images of {source.name} can't be used; "
            "repair or remove them, or leave them out with --on_bad_image=skip:\n  "
            + "\n  ".join(lines)
        )


def sound(source: Source, progress: Optional[Progress] = None) -> Source:
    """Reads every image and all labels once, and leaves out what can't be used.

    Args:
        source: the data set.
        progress: as for `check`.

    Returns:
        The data set without these images, which `skipped` lists.

    Raises:
        UserError: if no labelled training image or no validation image is left.
    """
    tasks = _tasks(source)
    problems = _problems(source, tasks, progress)
    skipped = tuple(line for line in problems if line)
    # By identity: parts may have images of the same name.
    bad = {id(sample) for (sample, _), line in zip(tasks, problems) if line}
    parts = {
        part: tuple(sample for sample in samples if id(sample) not in bad)
        for part, samples in source.parts()
    }
    known = any(sample.known for sample in parts["train"])
    if not known or not parts["validation"]:
        what = "validation" if known else "labelled training"
        raise UserError(
            f"{len(skipped)} of {len(tasks)} images of {source.name} can't be used, "
            f"and without them there is no {what} image left; the first of them:\n"
            f"{skipped[0] if skipped else 'none'}"
        )
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


def _problems(
    source: Source,
    tasks: Sequence[Tuple[Sample, bool]],
    progress: Optional[Progress] = None,
) -> List[Optional[str]]:
    """What is wrong with each image, None if nothing is."""
    problems: List[Optional[str]] = []

    def look(task: Tuple[Sample, bool]) -> Optional[str]:
        return problem(task[0], source.num_classes, task[1])

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(tasks), _AHEAD):
            problems += pool.map(look, tasks[start : start + _AHEAD])
            if progress:
                progress(min(start + _AHEAD, len(tasks)), len(tasks))
    return problems


def problem(
    sample: Sample, num_classes: int, with_labels: bool = True
) -> Optional[str]:
    """What is wrong with an image, on one line and with the file's name, or None.

    Args:
        sample: to be read.
        num_classes: C; labels are 0 to C - 1, or 255.
        with_labels: whether it needs labels; otherwise they are not looked at.
    """
    name = image_files.printable(sample.labels_place())
    try:
        image = sample.image()
        labels = sample.labels() if with_labels else None
    except UserError as error:
        return str(error)
    if not with_labels:
        return None
    if labels is None:
        return f"{name}: has no labels"
    if labels.shape != image.shape[:2]:
        return f"{name}: image {_by(image)}, labels {_by(labels)}; expected the same"
    wrong = np.setdiff1d(labels, [*range(num_classes), IGNORED])
    if len(wrong):
        row, column = np.argwhere(labels == wrong[0])[0]
        return (
            f"{name}: label {wrong[0]} (row {row}, column {column}); "
            f"expected 0 to {num_classes - 1}, or {IGNORED}"
        )
    return None


def _tasks(source: Source, split: Optional[Split] = None) -> List[Tuple[Sample, bool]]:
    """Images to be read, each with whether its labels are."""
    tasks: List[Tuple[Sample, bool]] = []
    for part, members in source.parts():
        if part != "train":
            tasks += [(sample, True) for sample in members]
        elif split is None:
            tasks += [(sample, sample.known) for sample in members]
        else:
            tasks += [(members[i], True) for i in split.labeled]
            tasks += [(members[i], False) for i in split.unlabeled]
    return tasks


def _by(array: np.ndarray) -> str:
    return f"{array.shape[1]} x {array.shape[0]}"
