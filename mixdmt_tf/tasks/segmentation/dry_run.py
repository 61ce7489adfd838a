"""A few of a data set's images, for `--dry_run`: batch and crops stay as they are."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Tuple

import numpy as np

from mixdmt_tf.data.segmentation.source import Source
from mixdmt_tf.data.splits import Split, write_split
from mixdmt_tf.runs.splits import choose_split
from mixdmt_tf.runs.task import Task

IMAGES, LABELED, JUDGED = 16, 4, 2  # for training, of these with labels; to be judged


def small(task: Task, folder: pathlib.Path) -> Task:
    """The same task on a few of its images.

    Args:
        task: of the whole data.
        folder: an empty one, for what has to be written.
    """
    experiment = task.experiment
    split = choose_split(task)
    method = experiment.method_class()
    if method.recipe(experiment.method).unlabeled_ratio and not len(split.unlabeled):
        return task  # will be refused, saying how many there are
    source, split = few(task.source, split)
    write_split(folder / "split.json", split)
    data = dataclasses.replace(
        experiment.data, labels="", labeled_list="", split=str(folder / "split.json")
    )
    return type(task)(dataclasses.replace(experiment, data=data), source)


def few(source: Source, split: Split) -> Tuple[Source, Split]:
    """The first labelled, unlabelled, validation and test images, and their split.

    Args:
        source: the data set.
        split: of its training images.

    Returns:
        Images of which some have labels, if some of all have, and no others are
        unlabelled than were before: nobody may have looked at what is hidden of them.
    """
    labeled = split.labeled[: LABELED if len(split.unlabeled) else IMAGES]
    unlabeled = split.unlabeled[: IMAGES - len(labeled)]
    ids = np.sort(np.concatenate([labeled, unlabeled]))
    small = dataclasses.replace(
        source,
        train=[source.train[i] for i in ids],
        validation=source.validation[:JUDGED],
        test=None if source.test is None else source.test[:JUDGED],
        lists={},
    )
    return small, dataclasses.replace(
        split,
        fingerprint=small.fingerprint(),
        labeled=np.searchsorted(ids, labeled),
        unlabeled=np.searchsorted(ids, unlabeled),
    )
