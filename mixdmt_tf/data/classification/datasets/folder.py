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

import dataclasses
import pathlib
from typing import Dict, List, Sequence, Tuple

import numpy as np

from mixdmt_tf.data import bands as bands_
from mixdmt_tf.data import decoded, image_files
from mixdmt_tf.data.classification import label_weights, labels_csv
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.classification.source import UNKNOWN, Images, Source
from mixdmt_tf.data.image_files import few
from mixdmt_tf.data.lazy_images import take
from mixdmt_tf.data.paths import Paths
from mixdmt_tf.errors import UsageError, UserError
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
LAYOUTS = (
    "expected train/<class>/ and test/<class>/, "
    "or labeled/<class>/ with unlabeled/, val/<class>/ and test/<class>/"
)


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


def find(config: Config) -> pathlib.Path:
    """Finds the folder of labelled images: train/ or labeled/ in `config.data_dir`.

    Raises:
        UsageError: without `data_dir`.
        UserError: if there is not exactly one of the two.
    """
    if not config.data_dir:
        raise UsageError(f"--dataset=folder needs --data_dir=DIR; in DIR {LAYOUTS}")
    labeled = _labeled_folder(expanded(config.data_dir))
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
            raise _no_images(labeled / name, suffixes, " that can be used")
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


def looks_right(root: pathlib.Path) -> bool:
    """Whether a folder has train/ or labeled/ with folders in it."""
    there = [root / name for name in ("train", "labeled") if (root / name).is_dir()]
    return any(_class_folders(folder)[0] for folder in there)


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
    class_names = _class_names(labeled)
    parts = {"train": _by_class(labeled, class_names, suffixes, complete=True)}
    if root.joinpath("unlabeled").is_dir():
        if not parts["train"].add(root / "unlabeled", UNKNOWN):
            raise _no_images(root / "unlabeled", suffixes)
    for name in ("val", "test"):
        if root.joinpath(name).is_dir():
            parts[name] = _by_class(root / name, class_names, suffixes, complete=False)
    return class_names, parts


def _labeled_folder(root: pathlib.Path) -> pathlib.Path:
    """Returns the existing one of train/ and labeled/."""
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
    strange = [name for name in names if name not in class_names]
    if strange:
        raise UserError(
            f"{folder} has the classes {few(strange)}, which have no training "
            f"images; expected only {few(class_names)}"
        )
    files = Files(Paths(folder.parent), ignored=others, suffixes=suffixes)
    for name in names:
        if not files.add(folder / name, class_names.index(name)) and complete:
            raise _no_images(folder / name, suffixes)
    if not files.paths:
        raise _no_images(folder, suffixes)
    return files


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
            raise _no_images(folder, part.suffixes, " that can be used")
        own = weights[rows] if name == "train" and weights is not None else None
        images[name] = Images(take(found.images, rows), labels, own)
        if name == "train":  # the first part, so that its rows are those of the weights
            names = labels_csv.Names(paths, rows)
        start += sizes[name]
    return images, names, tuple(image_files.lines(found.problems, paths))


def _no_images(
    folder: pathlib.Path, suffixes: Sequence[str], which: str = ""
) -> UserError:
    return UserError(
        f"{image_files.printable(folder)} has no {bands_.kinds(suffixes)} images{which}"
        "\nput some there, or remove the folder"
    )
