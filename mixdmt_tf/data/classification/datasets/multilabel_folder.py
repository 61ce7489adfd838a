"""Your own images with several labels each, such as 'beach', 'people' and 'sunset'.

The images are anywhere below `--data_dir`, and `labels.csv` in this folder has their
labels. Its columns are `file`, relative to the folder, optionally `split` (train, val
or test; empty: train), and one column for each label, named after it, with 1, 0, or
nothing if it is unknown:

    file,split,beach,people
    2019/0001.jpg,train,1,0
    2019/0002.jpg,train,1,
    2020/0001.jpg,test,0,1

Training images without any label are unlabelled, as are images that are not in the
file. `image_files.py` describes how images are resized to `--image_size`, and
`decoded.py` where they are cached.
"""

from __future__ import annotations

import pathlib
from typing import Dict, List, Tuple

import numpy as np

from mixdmt_tf.data import csv_rows, decoded, image_files
from mixdmt_tf.data.classification import label_weights
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.classification.source import UNKNOWN, Images, Source
from mixdmt_tf.data.lazy_images import take
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.files import expanded

# Users usually have few photos, so pretrained weights help.
assumes = {
    "base": {"network": "auto"},
    "dmt_sgd": {"network": "auto"},
    "deep_co_training": {"network": "auto"},
    "dual_student": {"network": "auto"},
}

SEVERAL_LABELS = True  # per image; some methods do not support this
SIZE = 32  # default height and width of images
FILE = "labels.csv"
PARTS = ("train", "val", "test")
VALUES = {"1": 1, "0": 0, "": UNKNOWN}
OTHERS = ("file", "split")  # columns that are not labels
LABELS = 1000  # most labels

Rows = Dict[str, Tuple[str, str, List[int]]]  # by file: where, part, labels


def find(config: Config) -> pathlib.Path:
    """Finds the folder of the images and checks its table.

    Raises:
        UsageError: without `data_dir`.
        UserError: if the folder does not exist, or its table is invalid.
    """
    if not config.data_dir:
        raise UsageError(
            "--dataset=multilabel_folder needs --data_dir=DIR; in DIR images and "
            f"{FILE}"
        )
    root = expanded(config.data_dir)
    if not (root / FILE).is_file():
        raise UserError(
            f"{root}: there is no {FILE}; expected one with the columns file and, for "
            "each label, one with 1, 0 or nothing"
        )
    read_table(root)
    if config.weights_csv:
        label_weights.read(expanded(config.weights_csv), root)
    return root


def load(config: Config) -> Source:
    """Reads a folder of images as RGB squares with side `config.image_size` (or 32).

    Images may be flipped, and shifted by up to an eighth of their size, which suits
    photographs.

    Raises:
        UsageError: without `data_dir`.
        UserError: if the table is not as expected, or files can't be used.
    """
    root = find(config)
    size = config.image_size or SIZE
    names, rows = read_table(root)
    paths, ignored = image_files.find(root)
    unknown = [UNKNOWN] * len(names)
    named = [csv_rows.relative(path, root) for path in paths]
    entries = [rows.get(name, ("", "train", unknown)) for name in named]
    require_images(rows, named, root)  # before decoding, which may take hours
    found = decoded.decode(paths, root, size, config.image_store, config.cache_folder())
    if config.on_bad_image == "error":
        image_files.refuse(found.problems, paths, "use --on_bad_image=skip")
    good = np.ones(len(paths), bool)
    good[list(found.problems)] = False
    part_of = np.array([part for _, part, _ in entries])
    labels = np.array([each for _, _, each in entries], np.int32)
    weights = None
    if config.weights_csv:
        table = expanded(config.weights_csv)
        train = np.flatnonzero(part_of == "train")
        weights = np.ones(len(paths), np.float32)
        own = [paths[row] for row in train]
        weights[train] = label_weights.of_files(table, root, own)
    images = {}
    for part in PARTS:
        ids = np.flatnonzero(good & (part_of == part))
        if len(ids):
            weighed = part == "train" and weights is not None
            counts = weights[ids] if weighed else None
            images[part] = Images(take(found.images, ids), labels[ids], counts)
    if "train" not in images or not images["train"].known.any():
        raise UserError(
            f"{root / FILE}: no training image that can be used has a label"
        )
    return Source(
        name="multilabel_folder",
        class_names=names,
        train=images["train"],
        test=images.get("test"),
        validation=images.get("val"),
        flip=True,
        crop_padding=size // 8,
        default_labels=int(images["train"].known.sum()),
        notes=_notes(root, named, rows, ignored, len(found.problems), images["train"]),
        skipped=tuple(image_files.lines(found.problems, paths)),
    )


def read_table(root: pathlib.Path) -> Tuple[Tuple[str, ...], Rows]:
    """Reads the names of the labels, and place, part and labels of each file.

    Raises:
        UserError: if a row is invalid, with its line.
    """
    table = image_files.printable(root / FILE)
    header, lines = csv_rows.read(root / FILE, table, ("file",), OTHERS)
    names = tuple(name for name in header if name not in OTHERS)
    if not 1 <= len(names) <= LABELS:
        raise UserError(
            f"{table} has {len(names)} columns of labels; expected 1 to {LABELS:,}, "
            "each with the name of a label"
        )
    for name in names:
        if not name.isprintable():
            raise UserError(f"{table}: the label {name!a} has control characters")
    rows: Rows = {}
    for where, cells in lines:
        file = csv_rows.file_name(cells["file"])
        if file in rows:
            earlier = rows[file][0].rpartition(", ")[2]
            raise UserError(
                f"{where}: {csv_rows.printable(file)} occurs already on {earlier}"
            )
        part = cells.get("split", "") or "train"
        if part not in PARTS:
            raise UserError(
                f"{where}: split {csv_rows.printable(part)}; expected train, val or "
                "test, or nothing for train"
            )
        values = [_value(cells[name], name, where) for name in names]
        if part != "train" and max(values) == UNKNOWN:
            raise UserError(f"{where}: an image of {part} without any label")
        rows[file] = where, part, values
    return names, rows


def _value(text: str, name: str, where: str) -> int:
    if text not in VALUES:
        raise UserError(
            f"{where}: {csv_rows.printable(name)} is {csv_rows.printable(text)}; "
            "expected 1, 0, or nothing where it is unknown"
        )
    return VALUES[text]


def require_images(rows: Rows, named: List[str], root: pathlib.Path) -> None:
    """Checks that all files of a table exist.

    Args:
        rows: rows from `read_table`.
        named: names of the existing files, in the form of the table.
        root: the folder.

    Raises:
        UserError: if a file is missing, with its first row.
    """
    there = set(named)
    for file, (where, _, _) in rows.items():
        if file not in there:
            raise UserError(
                f"{where}: there is no PNG, JPEG or BMP image "
                f"{csv_rows.printable(file)} in {root}"
            )


def _notes(
    root: pathlib.Path,
    named: List[str],
    rows: Rows,
    ignored: int,
    skipped: int,
    train: Images,
) -> Tuple[str, ...]:
    unnamed = sum(name not in rows for name in named)
    notes = []
    if unnamed:
        notes.append(f"{unnamed:,} images that {FILE} does not name are unlabelled")
    if ignored > 1:  # the table is one of the ignored files
        notes.append(
            f"left out in {root}: {ignored - 1:,} hidden or not PNG, JPEG or BMP"
        )
    if skipped:
        notes.append(f"skipped in {root}: {skipped:,} files that can't be used")
    if train.weights is not None:
        notes.append(label_weights.describe(train.weights))
    return tuple(notes)
