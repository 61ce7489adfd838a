"""Lists the image files of users' folders with part and labels, for `bin/inspect`."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import List, Tuple

from mixdmt_tf.data import bands, csv_rows, image_files
from mixdmt_tf.data.classification import class_folders, selection
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.classification.datasets import folder, multilabel_folder
from mixdmt_tf.data.classification.source import UNKNOWN

NONE = -2  # the 'label' of an image that is known to have none
WORDS = {"train": "labelled", "val": "validation", "test": "test"}
UNLABELLED = "unlabelled"


@dataclasses.dataclass(frozen=True)
class Listed:
    """Files of a data set.

    Attributes:
        root: folder to which shown paths are relative.
        names: names of the classes or labels.
        files: path, part ('labelled', 'unlabelled', 'validation' or 'test') and label
            numbers of each file. With several labels per image there can be any number
            of them. `UNKNOWN` and `NONE` stand alone.
        left_out: number of other files.
    """

    root: pathlib.Path
    names: Tuple[str, ...]
    files: List[Tuple[pathlib.Path, str, Tuple[int, ...]]]
    left_out: int


def listed(config: Config) -> Listed:
    """Lists files of `--dataset=folder` or `multilabel_folder`, and `unlabeled_dir`.

    Raises:
        UserError: if the folders, or the table, are not as expected.
    """
    if config.dataset == "multilabel_folder":
        return _of_table(config)
    labeled = folder.find(config)
    names, parts = class_folders.files_of(labeled, bands.suffixes(config.bands))
    files = [
        (path, UNLABELLED if label == UNKNOWN else WORDS[part], (label,))
        for part, own in parts.items()
        for path, label in zip(own.paths, own.labels)
    ]
    if config.unlabeled_dir:
        outside = selection.find_folder(config)
        files += [(path, UNLABELLED, (UNKNOWN,)) for path in outside]
    left_out = sum(own.ignored for own in parts.values())
    return Listed(labeled.parent, names, files, left_out)


def _of_table(config: Config) -> Listed:
    root = multilabel_folder.find(config)
    names, rows = multilabel_folder.read_table(root)
    paths, ignored = image_files.find(root)
    named = [csv_rows.relative(path, root) for path in paths]
    multilabel_folder.require_images(rows, named, root)
    files = []
    for path, name in zip(paths, named):
        _, part, values = rows.get(name, ("", "train", [UNKNOWN]))
        if max(values) == UNKNOWN:  # only for training images
            files.append((path, UNLABELLED, (UNKNOWN,)))
            continue
        own = tuple(number for number, value in enumerate(values) if value == 1)
        files.append((path, WORDS[part], own or (NONE,)))
    return Listed(root, names, files, ignored - 1)  # the table itself
