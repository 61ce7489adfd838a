"""Selects a few images of a data set for `--dry_run`; batch and crops don't change."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import List, Sequence, Tuple

import numpy as np

from mixdmt_tf.data.segmentation.source import (
    IGNORED,
    Sample,
    Source,
    hidden_labels,
)
from mixdmt_tf.data.splits import Split, write_split
from mixdmt_tf.runs.splits import choose_split
from mixdmt_tf.runs.task import Task

IMAGES, LABELED, JUDGED = 16, 4, 2  # for training, labelled ones of these, for scoring


def small(task: Task, folder: pathlib.Path) -> Task:
    """Returns the same task on a few of its images.

    Args:
        task: of the whole data set.
        folder: an empty folder for files that have to be written.
    """
    experiment = task.experiment
    split = choose_split(task)
    method = experiment.method_class()
    if method.recipe(experiment.method).unlabeled_ratio and not len(split.unlabeled):
        return task  # raises an error later, with the number of images
    source, split = few(task.source, split)
    write_split(folder / "split.json", split)
    data = dataclasses.replace(
        experiment.data, labels="", labeled_list="", split=str(folder / "split.json")
    )
    return type(task)(dataclasses.replace(experiment, data=data), source)


def _that_count(samples: Sequence[Sample], number: int, classes: int) -> List[Sample]:
    """Returns some images, the last of which has a pixel with a class, if any has."""

    def counts(sample: Sample) -> bool:
        labels = hidden_labels(sample, classes)
        return labels is not None and bool((labels != IGNORED).any())

    last = next((i for i, each in enumerate(samples) if counts(each)), 0)
    start = max(0, last + 1 - number)
    return [*samples[start : start + number]]


def few(source: Source, split: Split) -> Tuple[Source, Split]:
    """Selects a few labelled, unlabelled, validation and test images.

    Args:
        source: the data set.
        split: of its training images.

    Returns:
        The images and their split. Some are labelled if any in the data set are.
        Unlabelled images were unlabelled before, since hidden labels may be unchecked.
    """
    classes, number = source.num_classes, LABELED if len(split.unlabeled) else IMAGES
    known = [source.train[i] for i in split.labeled]
    chosen = {id(each) for each in _that_count(known, number, classes)}
    labeled = split.labeled[[id(each) in chosen for each in known]]
    unlabeled = split.unlabeled[: IMAGES - len(labeled)]
    ids = np.sort(np.concatenate([labeled, unlabeled]))
    small = dataclasses.replace(
        source,
        train=[source.train[i] for i in ids],
        validation=_that_count(source.validation, JUDGED, classes),
        test=source.test and _that_count(source.test, JUDGED, classes),
        lists={},
    )
    return small, dataclasses.replace(
        split,
        fingerprint=small.fingerprint(),
        labeled=np.searchsorted(ids, labeled),
        unlabeled=np.searchsorted(ids, unlabeled),
    )
