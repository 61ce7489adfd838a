"""Reads labels that a user wrote into a CSV file: `--labels_csv`.

The file has a header with the columns `file` and `label`; other columns are ignored.
`bin/suggest_labels` writes such files, and spreadsheets can save them. Rows without a
label are images that are not labelled yet.
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, Dict, List, Mapping, Optional, Sequence

import numpy as np

from mixdmt_tf.data import csv_rows
from mixdmt_tf.data.classification.source import UNKNOWN, Source
from mixdmt_tf.data.image_files import printable
from mixdmt_tf.data.paths import Paths
from mixdmt_tf.errors import UserError
from mixdmt_tf.files import cell, expanded
from mixdmt_tf.settings import nearest

FILE, LABEL = "file", "label"
LISTED = 20  # most names in a message


@dataclasses.dataclass(frozen=True)
class Row:
    """One image of the file.

    Attributes:
        where: place of the row, such as '--labels_csv=l.csv, line 2'.
        file: name of the image, as in the file.
        label: name of its class; '' if it has none yet.
    """

    where: str
    file: str
    label: str


def read(path: str) -> List[Row]:
    """Reads a file of labels, without importing TensorFlow.

    Raises:
        UserError: if it can't be read, or lacks a column.
    """
    named = f"--labels_csv={path}"
    _, rows = csv_rows.read(expanded(path), named, (FILE, LABEL))
    return [Row(where, row[FILE], row[LABEL]) for where, row in rows if row[FILE]]


def require_known(
    rows: Sequence[Row], class_names: Sequence[str], files: Sequence[str]
) -> None:
    """Checks that all classes and images of a file exist.

    Raises:
        UserError: if one does not, with its name.
    """
    _classes(rows, class_names)
    _places(rows, files)


def label(source: Source, path: str) -> Source:
    """Adds the labels of a file to a data set.

    Args:
        source: a source with `names` of its training images.
        path: path of the file.

    Returns:
        The source with the labels added. If all known labels are used by default, so
        are the new ones.

    Raises:
        UserError: if a class or an image of the file does not exist, or the label of an
            image contradicts the data set or another row.
    """
    rows = read(path)
    classes = _classes(rows, source.class_names)
    places = _places(rows, source.names or ())
    labels, before = source.train.labels.copy(), source.train.labels
    for row in rows:
        if not row.label:
            continue
        place, new = places[row.where], classes[row.label]
        if labels[place] not in (UNKNOWN, new):
            what = "the folder" if before[place] != UNKNOWN else "a line before"
            raise UserError(
                f"{row.where}: {printable(row.file)} is "
                f"{printable(row.label)} here, and "
                f"{source.class_names[labels[place]]} by {what}.\nKeep one of them."
            )
        labels[place] = new
    added = int((labels != before).sum())
    known = int((before >= 0).sum())
    empty = sum(not row.label for row in rows)
    note = f"labelled by {path}: {added:,} images; {empty:,} of its rows have no label"
    all_used = source.default_labels == known
    return dataclasses.replace(
        source,
        train=dataclasses.replace(source.train, labels=labels),
        default_labels=known + added if all_used else source.default_labels,
        notes=(*source.notes, note),
    )


def _classes(rows: Sequence[Row], class_names: Sequence[str]) -> Mapping[str, int]:
    """Returns the numbers of the classes in a file, by name."""
    known = csv_rows.places(class_names)
    for number, name in enumerate(class_names):  # the name itself takes precedence
        known.update({name: number, cell(name): number})
    for row in rows:
        if row.label and row.label not in known:
            near = nearest(row.label, class_names)
            raise UserError(
                f"{row.where}: there is no class "
                f"{printable(row.label)!r}; expected one of {_few(class_names)}"
                + (f"\ndid you mean {near}?" if near else "")
            )
    return known


def _places(rows: Sequence[Row], files: Sequence[str]) -> Dict[str, int]:
    """Returns the indices of the images in `files`, by the place of their rows."""
    known = csv_rows.places(files)
    for place, name in enumerate(files):
        known.setdefault(cell(name), place)
    missing = [row for row in rows if row.file not in known]
    if missing:
        raise UserError(
            f"{missing[0].where}: there is no image "
            f"{printable(missing[0].file)} that can be used"
            + (f", nor those of {len(missing) - 1:,} other rows" * (len(missing) > 1))
            + "\nExpected names of training images, from --data_dir on: "
            + _few(files, 2)
        )
    return {row.where: known[row.file] for row in rows}


class Names(Sequence[str]):
    """Names of image files as in CSV files: relative to a folder, with slashes."""

    def __init__(self, paths: Paths, rows: Optional[np.ndarray] = None):
        """Stores the paths.

        Args:
            paths: paths of the files.
            rows: int64 [N], rows of the paths to use; None: all.
        """
        self._paths = paths
        self._rows = np.arange(len(paths)) if rows is None else rows

    def __len__(self) -> int:
        """Number of names."""
        return len(self._rows)

    def __getitem__(self, which: Any) -> Any:
        """Returns a name by its number, or a list of names by a slice."""
        if isinstance(which, slice):
            return [self[row] for row in range(len(self))[which]]
        name = pathlib.PurePath(self._paths.name(int(self._rows[which]))).as_posix()
        return name.encode(errors="backslashreplace").decode()


def _few(names: Sequence[str], limit: int = LISTED) -> str:
    words = [printable(name) for name in names[:limit]]
    return ", ".join(words + ["..."] * (len(names) > limit)) or "nothing"
