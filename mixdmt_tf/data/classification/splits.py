"""Draws splits into labelled, unlabelled and validation images.

A split depends only on its seed and is the same on every machine. With one seed

- the labelled images of `--labels=250` are the first 250 of those of `--labels=1000`,
  so that results for different numbers of labels are comparable;
- they don't depend on `--validation`, and validation images don't depend on `--labels`
  (if there are enough images): the images of each class are shuffled, and labelled
  images are taken from the front and validation images from the back.
"""

from __future__ import annotations

import pathlib
from typing import Any, Dict, List, Optional

import numpy as np

from mixdmt_tf.data.classification.allocation import draw_order
from mixdmt_tf.data.classification.source import OUTSIDE, UNKNOWN, Images, Source
from mixdmt_tf.data.splits import PARTS, Split, read_fitting
from mixdmt_tf.errors import UsageError


def make_split(
    source: Source, labels: Optional[int], validation: Optional[int], seed: int
) -> Split:
    """Draws a split.

    Args:
        source: the data set.
        labels: number of labelled images, see `Config.labels`. If it is that of all
            labels, images that are held out are not labelled.
        validation: number of validation images, see `Config.validation`. If not given,
            at most as many as `labels` leaves are held out.
        seed: seed, at least 0.

    Returns:
        The split. All images of the pool that are neither labelled nor held out are
        unlabelled, including images of unknown class. The same share of images is left
        out of classes without labels as of the labelled classes, so that the number of
        unlabelled images of a class does not depend on whether it is labelled. Images
        with several labels are drawn regardless of their labels, because they have no
        classes to stratify by.

    Raises:
        UsageError: if there are too few labels for the classes or too few images.
    """
    truth, number = source.train.labels, source.num_classes
    if source.several_labels:  # then there are no classes to stratify by
        truth, number = np.where(source.train.known, 0, UNKNOWN), 1
    by_class = [np.flatnonzero(truth == c) for c in range(number)]
    counts = np.array([len(ids) for ids in by_class])
    known, classes = int(counts.sum()), int(np.count_nonzero(counts))
    own = validation is None and source.validation is not None
    if labels is None:
        labels = source.default_labels
        if labels == known and validation:  # all, but those that are held out
            labels = max(labels - validation, classes)
    if labels < classes:
        raise UsageError(
            f"--labels={labels}: expected at least one for each of the {classes} "
            f"classes of {source.name}"
        )
    if labels > known:
        raise UsageError(
            f"--labels={labels}: {source.name} has only {known} training images with "
            f"a label\nuse --labels={known} for all of them, or fewer"
        )
    if validation is None:
        validation = 0 if own else min(known // 100, known - labels)
    if labels + validation > known:
        raise UsageError(
            f"--labels={labels} --validation={validation}: together {labels} + "
            f"{validation} = {labels + validation}, but {source.name} has only {known} "
            "training images with a label"
        )
    # Sorting raw draws shuffles. NumPy guarantees the same raw stream in all versions,
    # but not the same results of `Generator.permutation`.
    raw = np.random.PCG64(seed)
    packs = [
        ids[np.argsort(raw.random_raw(len(ids)), kind="stable")] for ids in by_class
    ]
    labeled = _deal(packs, draw_order(counts, labels))
    left = counts - np.bincount(truth[labeled], minlength=len(counts))
    held_out = _deal(
        [pack[::-1] for pack in packs], draw_order(counts, validation, left)
    )
    rest = np.ones(len(truth), bool) if source.pool is None else source.pool.copy()
    rest[labeled] = rest[held_out] = False
    for outside in range(OUTSIDE - len(source.outside_names) + 1, OUTSIDE):
        ids = np.flatnonzero(truth == outside)
        order = np.argsort(raw.random_raw(len(ids)), kind="stable")
        rest[ids[order[: len(ids) * (labels + validation) // known]]] = False
    return Split(
        dataset=source.name,
        seed=seed,
        fingerprint=source.fingerprint(),
        labeled=labeled,
        unlabeled=np.flatnonzero(rest),
        validation=held_out,
        own_validation=own,
    )


def _deal(packs: List[np.ndarray], order: np.ndarray) -> np.ndarray:
    """Takes the next id of each class in `order`."""
    ids = np.empty(len(order), np.int64)
    for c, pack in enumerate(packs):
        places = np.flatnonzero(order == c)
        ids[places] = pack[: len(places)]
    return ids


def read_split(path: pathlib.Path, source: Source) -> Split:
    """Reads a split and checks that it fits the data.

    Args:
        path: path of a `split.json`, which may be written by hand.
        source: source of the split.

    Raises:
        UserError: if the file can't be read, belongs to other data, or has ids that
            are out of range, occur twice, or lack a required label.
    """
    return read_fitting(path, source, _problem)


def _problem(split: Split, source: Source) -> Optional[str]:
    """Returns what makes a split invalid for its source, or None."""
    total = len(source.train)
    seen = np.zeros(total, np.int64)
    for part in PARTS:
        ids = getattr(split, part)
        outside = ids[(ids < 0) | (ids >= total)]
        if len(outside):
            return f"{part} has the id {outside[0]}; expected 0 to {total - 1}"
        np.add.at(seen, ids, 1)
        if part != "unlabeled":
            nameless = ids[~source.train.known[ids]]
            if len(nameless):
                return f"{part} has the id {nameless[0]}, an image without a label"
    if seen.max(initial=0) > 1:
        return f"the id {seen.argmax()} occurs twice; every image has one place at most"
    if not len(split.labeled):
        return "no image is labelled; expected at least one"
    if split.own_validation and (source.validation is None or len(split.validation)):
        return f"own_validation: {source.name} has none, or ids are given as well"
    return None


def validation_images(split: Split, source: Source) -> Optional[Images]:
    """Returns the validation images, or None if there are none."""
    if split.own_validation:
        return source.validation
    if not len(split.validation):
        return None
    return source.train.take(split.validation)


def describe(split: Split, source: Source) -> str:
    """Returns a table of images per class, followed by the source's notes."""
    train = source.train.labels
    held_out, test = validation_images(split, source), source.test
    columns = {
        "labelled": train[split.labeled],
        "unlabelled": train[split.unlabeled],
        "validation": held_out.labels if held_out else train[:0],
        "test": test.labels if test else train[:0],
    }
    if source.several_labels:
        return _table(_rows_of_labels(columns, source), source)
    rows = [("class", *columns)]
    names = dict(enumerate(source.class_names))
    negative = {UNKNOWN: "(unknown)"}
    negative.update((OUTSIDE - i, name) for i, name in enumerate(source.outside_names))
    present = set(train[split.unlabeled].tolist())
    names.update((v, name) for v, name in negative.items() if v in present)
    for value, name in names.items():
        counts = (np.count_nonzero(each == value) for each in columns.values())
        rows.append((name, *(f"{count:,}" for count in counts)))
    rows.append(("total", *(f"{len(each):,}" for each in columns.values())))
    return _table(rows, source)


def _rows_of_labels(columns: Dict[str, np.ndarray], source: Source) -> List[Any]:
    """Counts the images with each label, for images with several labels."""
    rows = [("label", *columns)]
    for place, name in enumerate(source.class_names):
        counts = (np.count_nonzero(each[:, place] == 1) for each in columns.values())
        rows.append((name, *(f"{count:,}" for count in counts)))
    rows.append(("images", *(f"{len(each):,}" for each in columns.values())))
    return rows


def _table(rows: List[Any], source: Source) -> str:
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths))
        )
        for row in rows
    ]
    return "\n".join([*lines, *source.notes])
