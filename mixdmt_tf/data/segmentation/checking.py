"""Finds what is wrong with the files of a data set before anybody trains on it."""

from __future__ import annotations

import concurrent.futures
import os
from typing import Callable, List, Optional, Tuple

import numpy as np

from mixdmt_tf.data import image_files
from mixdmt_tf.data.segmentation.source import IGNORED, Scene, Scenes
from mixdmt_tf.data.splits import Split
from mixdmt_tf.errors import UserError

LISTED = 5
_AHEAD = 64  # scenes given to the threads at a time, so that few wait in memory

Progress = Callable[[int, int], None]


def check(
    scenes: Scenes, split: Optional[Split] = None, progress: Optional[Progress] = None
) -> None:
    """Reads every scene that will be used once, and says what can't be used.

    Args:
        scenes: the data set.
        split: with it, only its training scenes are read, and not the labels that it
            hides; without, all scenes and all labels.
        progress: called with (scenes read, scenes in all), now and then and at the end.

    Raises:
        UserError: with the first five bad files, each by name with what is wrong, and
            the number of all.
    """
    tasks = _tasks(scenes, split)
    problems: List[str] = []

    def look(task: Tuple[Scene, bool]) -> Optional[str]:
        return problem(task[0], scenes.num_classes, task[1])

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(tasks), _AHEAD):
            found = pool.map(look, tasks[start : start + _AHEAD])
            problems += [line for line in found if line]
            if progress:
                progress(min(start + _AHEAD, len(tasks)), len(tasks))
    if problems:
        lines = problems[:LISTED]
        if len(problems) > LISTED:
            lines.append(f"and {len(problems) - LISTED} more")
        raise UserError(
            f"{len(problems)} of {len(tasks)} scenes of {scenes.name} can't be used; "
            "repair or remove them:\n  " + "\n  ".join(lines)
        )


def problem(scene: Scene, num_classes: int, with_labels: bool = True) -> Optional[str]:
    """What is wrong with a scene, on one line and with the file's name, or None.

    Args:
        scene: to be read.
        num_classes: C; labels are 0 to C - 1, or 255.
        with_labels: whether it needs labels; otherwise they are not looked at.
    """
    name = image_files.printable(scene.labels_place())
    try:
        image = scene.image()
        labels = scene.labels() if with_labels else None
    except UserError as error:
        return str(error)
    if not with_labels:
        return None
    if labels is None:
        return f"{name}: has no labels"
    if labels.shape != image.shape[:2]:
        return f"{name}: picture {_by(image)}, labels {_by(labels)}; expected the same"
    wrong = np.setdiff1d(labels, [*range(num_classes), IGNORED])
    if len(wrong):
        row, column = np.argwhere(labels == wrong[0])[0]
        return (
            f"{name}: label {wrong[0]} (row {row}, column {column}); "
            f"expected 0 to {num_classes - 1}, or {IGNORED}"
        )
    return None


def _tasks(scenes: Scenes, split: Optional[Split]) -> List[Tuple[Scene, bool]]:
    """Scenes to be read, each with whether its labels are."""
    tasks: List[Tuple[Scene, bool]] = []
    for part, members in scenes.parts():
        if part != "train":
            tasks += [(scene, True) for scene in members]
        elif split is None:
            tasks += [(scene, scene.known) for scene in members]
        else:
            tasks += [(members[i], True) for i in split.labeled]
            tasks += [(members[i], False) for i in split.unlabeled]
    return tasks


def _by(array: np.ndarray) -> str:
    return f"{array.shape[1]} x {array.shape[0]}"
