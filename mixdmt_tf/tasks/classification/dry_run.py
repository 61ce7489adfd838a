"""Selects a few images of a data set for `--dry_run`."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Optional

import numpy as np

from mixdmt_tf.data.classification.source import Images, Source
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.splits import choose_split, require_unlabeled
from mixdmt_tf.runs.task import Task

IMAGES, HELD_OUT = 64, 4


def small(task: Task, folder: pathlib.Path) -> Task:
    """Returns the same task on a few of its images, with two copies of each.

    Args:
        task: of the whole data set.
        folder: an empty folder for files that have to be written.

    Raises:
        UserError: if the whole data set can't be split as the settings say, or has no
            unlabelled images although the method needs some.
    """
    experiment: Experiment = task.experiment
    split = choose_split(task)
    if experiment.method_class().recipe(experiment.method).unlabeled_views:
        require_unlabeled(experiment, split)
    source = shrink(task.source, IMAGES)
    known = int(source.train.known.sum())
    least = 1 if source.several_labels else source.num_classes
    labels = min(max(min(len(split.labeled), known // 2), least), known)
    held_out = min(len(split.validation), HELD_OUT, known - labels)
    data = dataclasses.replace(
        experiment.data,
        labels=labels,
        validation=None if split.own_validation else held_out,
        split="",
        copies=min(experiment.data.copies, 2),
        cache_dir=str(folder / "cache"),
    )
    method = experiment.method
    if getattr(method, "ood_scores", ""):  # of all images
        method = dataclasses.replace(
            method, ood_scores="", ood_score="softmax", ood_rate=0.5
        )
    return type(task)(dataclasses.replace(experiment, data=data, method=method), source)


def shrink(source: Source, images: int) -> Source:
    """Returns a source with few images of all classes."""
    images = max(images, 4 * source.num_classes)

    def few(part: Optional[Images]) -> Optional[Images]:
        if part is None or len(part) <= images:
            return part
        return part.take(chosen(part, source.pool if part is source.train else None))

    def chosen(part: Images, pool: Optional[np.ndarray]) -> np.ndarray:
        if len(part) <= images:
            return np.arange(len(part))
        # The classes take turns, so that every class occurs; with several labels per
        # image, some images have labels and some have none.
        labels = part.known if source.several_labels else part.labels
        order = np.argsort(labels, kind="stable")
        rank = np.empty(len(part), np.int64)
        rank[order] = np.arange(len(part))
        first = {label: rank[labels == label].min() for label in set(labels)}
        turn = rank - np.array([first[label] for label in labels])
        # Images of classes that are not selected have negative labels, and come last.
        known = labels if source.several_labels else labels >= 0
        unused = np.zeros(len(part), bool) if pool is None else ~known & ~pool
        number = labels.astype(int)
        number = np.where(number < 0, number.max(initial=0) - number, number)
        return np.sort(np.lexsort((number, turn, unused))[:images])

    return dataclasses.replace(
        source,
        train=few(source.train),
        test=few(source.test),
        validation=few(source.validation),
        pool=None
        if source.pool is None
        else source.pool[chosen(source.train, source.pool)],
        names=source.names
        and [source.names[n] for n in chosen(source.train, source.pool)],
    )
