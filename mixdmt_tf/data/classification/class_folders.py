"""Lists images in folders named after their classes, in the layouts of `folder.py`."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Dict, List, Sequence, Tuple

from mixdmt_tf.data import bands as bands_
from mixdmt_tf.data import csv_rows, image_files
from mixdmt_tf.data.classification.source import UNKNOWN
from mixdmt_tf.data.image_files import few
from mixdmt_tf.data.paths import Paths
from mixdmt_tf.errors import UserError

LAYOUTS = (
    "expected train/<class>/ and test/<class>/, "
    "or labeled/<class>/ with unlabeled/, val/<class>/ and test/<class>/"
)
_OTHER_NAMES = {
    "unlabelled": "unlabeled",
    "unlabeled": "unlabeled",
    "validation": "val",
    "valid": "val",
    "val": "val",
    "testing": "test",
    "tests": "test",
    "test": "test",
}


@dataclasses.dataclass
class Files:
    """Image files of one part of the data, their classes, and a count of the rest."""

    paths: Paths
    labels: List[int] = dataclasses.field(default_factory=list)
    ignored: int = 0
    suffixes: Sequence[str] = image_files.SUFFIXES

    def add(self, folder: pathlib.Path, label: int) -> int:
        """Adds the images below a folder and returns their number."""
        before = len(self.paths)
        _, ignored = image_files.find(folder, self.suffixes, self.paths)
        found = len(self.paths) - before
        self.labels += [label] * found
        self.ignored += ignored
        return found


def files_of(
    labeled: pathlib.Path, suffixes: Sequence[str] = image_files.SUFFIXES
) -> Tuple[Tuple[str, ...], Dict[str, Files]]:
    """Returns the names of the classes, and the files of train, val and test.

    Args:
        labeled: folder returned by `find`.
        suffixes: suffixes of image files.

    Raises:
        UserError: if the folders are not laid out as expected.
    """
    root = labeled.parent
    _require_names(root)
    class_names = _class_names(labeled)
    parts = {"train": _by_class(labeled, class_names, suffixes, complete=True)}
    if root.joinpath("unlabeled").is_dir():
        if not parts["train"].add(root / "unlabeled", UNKNOWN):
            raise no_images(root / "unlabeled", suffixes)
    for name in ("val", "test"):
        if root.joinpath(name).is_dir():
            parts[name] = _by_class(root / name, class_names, suffixes, complete=False)
    return class_names, parts


def looks_right(root: pathlib.Path) -> bool:
    """Whether a folder has train/ or labeled/ with folders in it."""
    there = [root / name for name in ("train", "labeled") if (root / name).is_dir()]
    return any(_class_folders(folder)[0] for folder in there)


def labeled_folder(root: pathlib.Path) -> pathlib.Path:
    """Returns the existing one of train/ and labeled/.

    Raises:
        UserError: if there is not exactly one of them.
    """
    if not root.is_dir():
        raise UserError(f"--data_dir={root} is not a folder; in it {LAYOUTS}")
    found = [root / name for name in ("train", "labeled") if (root / name).is_dir()]
    if len(found) == 2:
        raise UserError(
            f"{root} has both train/ and labeled/, so it isn't clear which images "
            f"have labels; {LAYOUTS}"
        )
    if not found:
        names = sorted(path.name for path in _entries(root))
        raise UserError(f"{root}: {LAYOUTS}; found {few(names)}")
    return found[0]


def _require_names(root: pathlib.Path) -> None:
    """Refuses folders whose name is another word for one of the parts."""
    for path in _entries(root):
        meant = _OTHER_NAMES.get(path.name.casefold())
        if meant and path.name != meant and path.is_dir():
            if not (root / meant).is_dir():  # else it is unused, or the same folder
                raise UserError(
                    f"{root}: {path.name}/ would not be used; expected {meant}/\n"
                    "Rename it; for a run that began without it, move it away."
                )


def _entries(folder: pathlib.Path) -> List[pathlib.Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise UserError(f"{folder} can't be listed: {error.strerror}") from error


def _class_folders(folder: pathlib.Path) -> Tuple[List[str], int]:
    """Returns sorted names of the subfolders, and the number of other entries."""
    entries = _entries(folder)
    names = [
        path.name
        for path in entries
        if path.is_dir() and not image_files.hidden(path.name)
    ]
    return sorted(names), len(entries) - len(names)


def _class_names(labeled: pathlib.Path) -> Tuple[str, ...]:
    names, _ = _class_folders(labeled)
    if len(names) < 2:
        raise UserError(
            f"{labeled} has the class folders {few(names)}; expected at least two, "
            "each named after its class"
        )
    for name in names:
        if not name.isprintable():
            raise UserError(
                f"{labeled} has a folder {name!a}, a name with characters that can't "
                "be printed; expected the name of a class"
            )
    return tuple(names)


def _by_class(
    folder: pathlib.Path,
    class_names: Sequence[str],
    suffixes: Sequence[str],
    complete: bool,
) -> Files:
    """Lists the images in class folders; with `complete` all need to have images."""
    names, others = _class_folders(folder)
    numbers = csv_rows.places(class_names)
    strange = [name for name in names if name not in numbers]
    if strange:
        raise UserError(
            f"{folder} has the classes {few(strange)}, which have no training "
            f"images; expected only {few(class_names)}"
        )
    files = Files(Paths(folder.parent), ignored=others, suffixes=suffixes)
    for name in names:
        if not files.add(folder / name, numbers[name]) and complete:
            raise no_images(folder / name, suffixes)
    if not files.paths:
        raise no_images(folder, suffixes)
    return files


def no_images(
    folder: pathlib.Path, suffixes: Sequence[str], which: str = ""
) -> UserError:
    """Returns the error for a folder without images."""
    return UserError(
        f"{image_files.printable(folder)} has no {bands_.kinds(suffixes)} images{which}"
        "\nput some there, or remove the folder"
    )
