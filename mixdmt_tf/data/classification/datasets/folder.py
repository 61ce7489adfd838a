"""Your own images, in folders named after their classes.

Two layouts of `--data_dir`, in which a class is called like its folder:

    train/<class>/   test/<class>/
        --labels training images are used with their class, the others without;

    labeled/<class>/   unlabeled/   val/<class>/   test/<class>/
        images anywhere below unlabeled/ are of unknown class. All labels of labeled/
        are used, unless --labels hides some of them.

unlabeled/, val/ and test/ are optional, and can be used with train/ as well. Images may
be in subfolders of a class folder. Hidden files and files that aren't PNG, JPEG or BMP
are skipped and counted. Class 0 is the first of the sorted class names.
`image_files.py` describes how images are resized to `--image_size`, and `decoded.py`
where they are cached.
"""

from __future__ import annotations

import pathlib
from typing import Dict, Sequence, Tuple

import numpy as np

from mixdmt_tf.data import bands as bands_
from mixdmt_tf.data import decoded, image_files
from mixdmt_tf.data.classification import label_weights, labels_csv
from mixdmt_tf.data.classification.class_folders import (
    LAYOUTS,
    Files,
    files_of,
    labeled_folder,
    no_images,
)
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.classification.source import UNKNOWN, Images, Source
from mixdmt_tf.data.lazy_images import take
from mixdmt_tf.errors import UsageError
from mixdmt_tf.files import expanded

# Users usually have few photos, so pretrained weights help.
assumes = {
    "base": {"network": "auto"},
    "dmt_sgd": {"network": "auto"},
    "deep_co_training": {"network": "auto"},
    "dual_student": {"network": "auto"},
}

SIZE = 32  # default height and width of images
SKIP = "use --on_bad_image=skip"


def find(config: Config) -> pathlib.Path:
    """Finds the folder of labelled images: train/ or labeled/ in `config.data_dir`.

    Raises:
        UsageError: without `data_dir`.
        UserError: if there is not exactly one of the two.
    """
    if not config.data_dir:
        raise UsageError(f"--dataset=folder needs --data_dir=DIR; in DIR {LAYOUTS}")
    labeled = labeled_folder(expanded(config.data_dir))
    if config.weights_csv:
        label_weights.read(expanded(config.weights_csv), labeled.parent)
    return labeled


def find_labels(config: Config) -> None:
    """Checks that classes and images of `config.labels_csv` exist.

    Raises:
        UserError: if one does not exist, or the file is invalid.
    """
    rows, labeled = labels_csv.read(config.labels_csv), find(config)
    suffixes = bands_.suffixes(config.bands)
    class_names, parts = files_of(labeled, suffixes)
    names = [*labels_csv.Names(parts["train"].paths)]
    if config.unlabeled_dir and not config.unlabeled_dataset:  # else where that is
        names += map(str, image_files.find(expanded(config.unlabeled_dir), suffixes)[0])
    labels_csv.require_known(rows, class_names, names)


def load(config: Config) -> Source:
    """Reads a folder of images as RGB squares with side `config.image_size` (or 32).

    With `config.channels`, images have these channels instead. Images may be flipped,
    and shifted by up to an eighth of their size, which suits photographs.

    Raises:
        UsageError: without `data_dir`.
        UserError: if the folders are not laid out as expected, or files can't be used.
    """
    labeled, suffixes = find(config), bands_.suffixes(config.bands)
    root = labeled.parent
    size = config.image_size or SIZE
    class_names, parts = files_of(labeled, suffixes)
    images, names, skipped = _read(parts, labeled, config, size)
    for number, name in enumerate(class_names):
        if number not in images["train"].labels:
            raise no_images(labeled / name, suffixes, " that can be used")
    ignored = sum(part.ignored for part in parts.values())
    notes = []
    if ignored:
        notes.append(
            f"left out in {root}: {ignored:,} hidden or not {bands_.kinds(suffixes)}, "
            "or outside of class folders"
        )
    if images["train"].weights is not None:
        notes.append(label_weights.describe(images["train"].weights))
    if skipped:
        notes.append(f"skipped in {root}: {len(skipped):,} files that can't be used")
    known = int((images["train"].labels != UNKNOWN).sum())
    return Source(
        name="folder",
        class_names=class_names,
        train=images["train"],
        test=images.get("test"),
        validation=images.get("val"),
        flip=True,
        crop_padding=size // 8,
        default_labels=known if labeled.name == "labeled" else Source.default_labels,
        notes=tuple(notes),
        skipped=skipped,
        names=names,
    )


def _read(
    parts: Dict[str, Files], labeled: pathlib.Path, config: Config, size: int
) -> Tuple[Dict[str, Images], Sequence[str], Tuple[str, ...]]:
    """Decodes all parts at once, so that all bad files are reported together.

    Returns:
        The usable images, names of the usable training images, and the problems of the
        other files.
    """
    root, sizes = labeled.parent, {name: len(p.paths) for name, p in parts.items()}
    weights, paths = None, parts["train"].paths
    if config.weights_csv:
        table = expanded(config.weights_csv)
        weights = label_weights.of_files(table, root, paths)
    for name, part in parts.items():
        if name != "train":
            paths.extend(part.paths)
    store, cache = config.image_store, config.cache_folder()
    found = decoded.decode(paths, root, size, store, cache, config.bands)
    if config.on_bad_image == "error":
        image_files.refuse(found.problems, paths, SKIP)
    good = np.ones(len(paths), bool)
    good[list(found.problems)] = False
    images, names, start = {}, labels_csv.Names(paths), 0
    for name, part in parts.items():
        rows = start + np.flatnonzero(good[start : start + sizes[name]])
        labels = np.array(part.labels, np.int32)[rows - start]
        if not len(rows):
            folder = labeled if name == "train" else root / name
            raise no_images(folder, part.suffixes, " that can be used")
        own = weights[rows] if name == "train" and weights is not None else None
        images[name] = Images(take(found.images, rows), labels, own)
        if name == "train":  # the first part, so that its rows are those of the weights
            names = labels_csv.Names(paths, rows)
        start += sizes[name]
    return images, names, tuple(image_files.lines(found.problems, paths))
