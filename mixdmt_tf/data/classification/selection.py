"""Selects unlabelled images from other classes, another data set or any folder.

Class mismatch as in Oliver et al. 2018 (arXiv:1804.09170) section 4.4 and RealMix
section 4.2.2: labelled images are of some classes of a data set, and unlabelled images
of others, so some unlabelled images belong to none of the labelled classes. The
selected classes are renumbered from 0, in the given order. Images of other classes get
separate labels from `OUTSIDE` down, which are used only by reports.
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import List, Optional, Sequence

import numpy as np

from mixdmt_tf.data import decoded, image_files
from mixdmt_tf.data.bands import kinds, suffixes
from mixdmt_tf.data.classification.config import FOLDERS, Config
from mixdmt_tf.data.classification.source import OUTSIDE, UNKNOWN, Images, Source
from mixdmt_tf.data.lazy_images import Fitted, ImageArray, fitted, join, take
from mixdmt_tf.data.paths import Paths
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.files import expanded
from mixdmt_tf.settings import nearest

# Classes of CIFAR-10 (Oliver et al., figure-2 runs of the release; RealMix README 2.3).
ANIMALS = (2, 3, 4, 5, 6, 7)
UNLABELED = {
    0: (4, 5, 6, 7),
    25: (0, 5, 6, 7),
    50: (0, 1, 6, 7),
    75: (0, 1, 8, 7),
    100: (0, 1, 8, 9),
}
LABELS = 400  # for each animal


def select(source: Source, config: Config) -> Source:
    """Selects the classes given by `config`.

    Args:
        source: the whole data set, including images from elsewhere if there are any.
        config: settings; `mismatch`, `labeled_classes` and `unlabeled_classes` are
            used.

    Returns:
        The source with renumbered labels, with test and validation images of the
        labelled classes only, and with a pool of images that may be used unlabelled. If
        all labels were used by default, all labels of the labelled classes are.

    Raises:
        UsageError: if a class does not exist, or there are fewer than two.
    """
    names = source.class_names
    added = source.pool
    if config.mismatch is not None:
        labeled: Sequence[int] = ANIMALS
        unlabeled: Optional[Sequence[int]] = UNLABELED[config.mismatch]
        source = dataclasses.replace(source, default_labels=LABELS * len(ANIMALS))
    else:
        labeled = _classes("labeled_classes", config.labeled_classes, names)
        unlabeled = _classes("unlabeled_classes", config.unlabeled_classes, names)
    if not labeled and not unlabeled and added is None:
        return source
    labeled = labeled or range(len(names))
    if len(labeled) < 2:
        raise UsageError(
            f"--labeled_classes={config.labeled_classes}: expected at least two classes"
        )
    if not unlabeled:
        unlabeled = labeled if added is None else ()
    renamed = np.array(
        [labeled.index(c) if c in labeled else OUTSIDE - 1 - c for c in _ids(names)],
        np.int32,
    )

    def relabel(images: Images) -> Images:
        known = images.labels >= 0
        labels = images.labels.copy()
        labels[known] = renamed[images.labels[known]]
        return dataclasses.replace(images, labels=labels)

    def inside(images: Optional[Images]) -> Optional[Images]:
        if images is None:
            return None
        images = relabel(images)
        return images.take(np.flatnonzero(images.labels >= 0))

    own = source.train.labels
    nameless = own == UNKNOWN if added is None else added
    pool = np.isin(own, list(unlabeled)) | nameless
    replaced = int(((own == UNKNOWN) & ~pool).sum())
    if replaced:
        note = f"left out: {replaced:,} images of unknown class, whose place those of "
        flag = "unlabeled_dataset" if config.unlabeled_dataset else "unlabeled_dir"
        source = dataclasses.replace(
            source, notes=(*source.notes, f"{note}--{flag} take")
        )
    train = relabel(source.train)
    if source.default_labels == int((own >= 0).sum()):  # all, of these classes too
        known = int((train.labels >= 0).sum())
        source = dataclasses.replace(source, default_labels=known)
    return dataclasses.replace(
        source,
        class_names=tuple(names[c] for c in labeled),
        train=train,
        test=inside(source.test),
        validation=inside(source.validation),
        pool=pool,
        outside_names=("(other data)", *(f"({name})" for name in names)),
    )


def _ids(names: Sequence[str]) -> range:
    return range(len(names))


def _classes(flag: str, text: str, names: Sequence[str]) -> List[int]:
    """Parses classes, as in '2,3' or 'bird,cat' or 'all', to numbers; '' is none."""
    if text == "all":
        return list(_ids(names))
    chosen: List[int] = []
    for word in filter(None, (each.strip() for each in text.split(","))):
        if word in names:
            number = names.index(word)
        elif word.isdecimal() and int(word) < len(names):
            number = int(word)
        else:
            near = nearest(word, names)
            raise UsageError(
                f"--{flag}={text}: there is no class {word!r}; expected numbers from 0 "
                f"to {len(names) - 1} or names: {', '.join(names[:20])}"
                + (f"\ndid you mean {near}?" if near else "")
            )
        if number in chosen:
            raise UsageError(f"--{flag}={text}: class {word} occurs twice")
        chosen.append(number)
    return chosen


def other(config: Config) -> Config:
    """Returns settings to load `config.unlabeled_dataset`, whose labels are unused."""
    # Prepared data are neither searched in a folder of images nor fetched into it.
    own = config.dataset in FOLDERS and config.unlabeled_dataset not in FOLDERS
    return dataclasses.replace(
        config,
        dataset=config.unlabeled_dataset,
        data_dir=config.unlabeled_dir or ("" if own else config.data_dir),
        unlabeled_dataset=None,
        mismatch=None,
        labels_csv="",
        weights_csv="",
    )


def add_dataset(source: Source, other: Source) -> Source:
    """Adds the training images of another data set as images of no class."""
    labels = np.full(len(other.train), OUTSIDE, np.int32)
    source = dataclasses.replace(
        source,
        notes=(*source.notes, *other.notes),
        skipped=(*source.skipped, *other.skipped),
    )
    return _add(source, _fitted(other.train.images, source), labels)


def find_folder(config: Config) -> Paths:
    """Finds all images below `config.unlabeled_dir`.

    Raises:
        UsageError: if the data set uses images below it with labels.
        UserError: if there are no images.
    """
    folder, kind = config.unlabeled_dir, suffixes(config.bands)
    root = expanded(folder)
    require_apart(root, config)
    paths = Paths(root)
    if root.is_dir():
        image_files.find(root, kind, paths)
    if not paths:
        raise UserError(
            f"--unlabeled_dir={folder}: no {kinds(kind)} images there.\n"
            "Give a folder with images; they may be nested as you like."
        )
    return paths


def require_apart(unlabeled: pathlib.Path, config: Config) -> None:
    """Raises an error if the folder has images for labels, validation or test."""
    if config.dataset != "folder" or not config.data_dir:
        return
    unlabeled = unlabeled.resolve()
    for name in ("test", "val", "labeled", "train"):
        part = (expanded(config.data_dir) / name).resolve()
        within = unlabeled in (part, *part.parents) or part in unlabeled.parents
        if within and part.is_dir():
            raise UsageError(
                f"--unlabeled_dir={config.unlabeled_dir} has images of {name}/ in "
                "--data_dir, which would be trained on as unlabelled ones, too.\n"
                "Give a folder of other images."
            )


def add_folder(source: Source, config: Config) -> Source:
    """Adds all images below `config.unlabeled_dir` as images of unknown class.

    Raises:
        UsageError, UserError: as `find_folder`, or if some images can't be read.
    """
    bands, paths = config.bands, find_folder(config)
    found = decoded.decode(
        paths,
        expanded(config.unlabeled_dir),
        max(source.image_shape[:2]),
        config.image_store,
        config.cache_folder(),
        bands,
    )
    if config.on_bad_image == "error" or len(found.problems) == len(paths):
        image_files.refuse(found.problems, paths, "use --on_bad_image=skip")
    skipped = tuple(image_files.lines(found.problems, paths))
    if skipped:
        note = f"skipped in {config.unlabeled_dir}: {len(skipped):,} files that can't "
        source = dataclasses.replace(
            source,
            notes=(*source.notes, note + "be used"),
            skipped=(*source.skipped, *skipped),
        )
    good = np.setdiff1d(np.arange(len(paths)), list(found.problems))
    labels = np.full(len(good), UNKNOWN, np.int32)
    names = [str(paths[row]) for row in good]
    return _add(source, _fitted(take(found.images, good), source), labels, names)


def _add(
    source: Source,
    images: ImageArray,
    labels: np.ndarray,
    names: Optional[List[str]] = None,
) -> Source:
    own = source.train
    weights = own.weights
    if weights is not None:
        weights = np.concatenate([weights, np.ones(len(labels), np.float32)])
    train = Images(
        join([own.images, images]), np.concatenate([own.labels, labels]), weights
    )
    pool = np.arange(len(train)) >= len(source.train)
    own_names = source.names
    if own_names is None and names:  # files beside images that are in none
        own_names = [str(number) for number in range(len(own))]
    names = names or [str(number) for number in range(len(images))]
    return dataclasses.replace(
        source,
        train=train,
        pool=pool,
        outside_names=("(other data)",),
        names=None if own_names is None else [*own_names, *names],
    )


def _fitted(images: ImageArray, source: Source) -> ImageArray:
    """Converts images, uint8 [n, ...], to the size and channels of a source."""
    if images.shape[1:] == source.image_shape:
        return images
    if isinstance(images, np.ndarray):
        return fitted(images, source.image_shape)
    return Fitted(images, source.image_shape)
