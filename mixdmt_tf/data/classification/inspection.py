"""Inspects a folder of images for classification before training."""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import hashlib
import os
import pathlib
from typing import Callable, Dict, List, Optional, Sequence, Set, Tuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mixdmt_tf.data import band_files, image_files
from mixdmt_tf.data.bands import Bands, kinds, suffixes
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.classification.listing import NONE, UNLABELLED, Listed, listed
from mixdmt_tf.data.classification.source import UNKNOWN
from mixdmt_tf.data.image_files import printable
from mixdmt_tf.files import expanded

Progress = Callable[[int, int], None]

SIDE = 96  # side of an image on the contact sheet, in pixels
ACROSS = 10  # images of each class on the sheet
MOST_CLASSES = 40  # most classes on the sheet
LISTED = 10  # most files, or groups of files, that are named for each problem
_CHUNK = 256  # files between two updates of the progress
_LINE, _MARGIN = 18, 4  # height of a line and margin of the sheet, in pixels


@dataclasses.dataclass(frozen=True, eq=False)
class Report:
    """Report on a folder.

    Attributes:
        lines: lines of text to print.
        sheet: some images of each class, as training will see them; None if no image
            can be used.
        usable: whether training would accept the folder as it is.
    """

    lines: Tuple[str, ...]
    sheet: Optional[Image.Image]
    usable: bool


@dataclasses.dataclass(frozen=True)
class _File:
    """One image file.

    Attributes:
        path: relative to the folder.
        part: 'labelled', 'unlabelled', 'validation' or 'test'.
        labels: numbers of its labels, as in `Listed`.
        size: width and height in pixels, after EXIF rotation.
        digest: digest of the file's content.
        problem: why the file can't be used; '' if it can.
    """

    path: str
    part: str
    labels: Tuple[int, ...]
    size: Optional[Tuple[int, int]]
    digest: bytes
    problem: str


def inspect(config: Config, progress: Optional[Progress] = None) -> Report:
    """Reads all images of a user's folders once. Writes nothing.

    Args:
        config: settings with the data set `folder` or `multilabel_folder`.
        progress: called with (images read, images in all).

    Raises:
        UserError: if the folders are not laid out as expected.
    """
    found = listed(config)
    files, thumbnails = _look(found, config.bands, progress)
    bad = [file for file in files if file.problem]
    lines = [
        f"{printable(expanded(config.data_dir))}: images for --dataset={config.dataset}"
    ]
    lines += _table(files, found.names)
    if found.left_out:
        lines.append(
            f"left out: {found.left_out:,} hidden or not "
            + kinds(suffixes(config.bands))
            + ", or outside of class folders" * (config.dataset == "folder")
        )
    lines += ["", *_sizes(files), "", *_bad(bad), "", *_duplicates(files)]
    return Report(tuple(lines), _sheet(files, thumbnails, found.names), not bad)


def _look(
    found: Listed, bands: Optional[Bands], progress: Optional[Progress]
) -> Tuple[List[_File], Dict[int, np.ndarray]]:
    """Reads all files; returns facts, and some images of each class by file number."""
    files: List[_File] = []
    thumbnails: Dict[int, np.ndarray] = {}
    chosen, shape = _chosen(found), (SIDE, SIDE, image_files.channels(bands))
    size_of = band_files.shown_size if bands else image_files.size_of
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(found.files), _CHUNK):
            some = found.files[start : start + _CHUNK]
            paths = [path for path, _, _ in some]
            images = np.empty((len(some), *shape), np.uint8)
            problems = image_files.decode(paths, images, bands=bands)
            good = [path for row, path in enumerate(paths) if row not in problems]
            sizes = dict(zip(good, pool.map(size_of, good)))
            digests = dict(zip(good, pool.map(_digest, good)))
            for row, (path, part, labels) in enumerate(some):
                name, problem = os.path.relpath(path, found.root), problems.get(row, "")
                facts = sizes.get(path), digests.get(path, b"")
                files.append(_File(name, part, labels, *facts, problem))
                if not problem and start + row in chosen:
                    thumbnails[start + row] = band_files.seen(images[row]).copy()
            if progress:
                progress(len(files), len(found.files))
    return files, thumbnails


def _chosen(found: Listed) -> Set[int]:
    """Returns file numbers of evenly spaced training images of each class."""
    by_label: Dict[int, List[int]] = collections.defaultdict(list)
    for number, (_, part, labels) in enumerate(found.files):
        for label in labels if part in ("labelled", UNLABELLED) else ():
            by_label[label].append(number)
    chosen: Set[int] = set()
    for own in by_label.values():
        places = np.linspace(0, len(own) - 1, min(ACROSS, len(own))).round()
        chosen.update(own[int(place)] for place in places)
    return chosen


def _digest(path: pathlib.Path) -> bytes:
    total = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            total.update(block)
    return total.digest()


def _table(files: Sequence[_File], class_names: Sequence[str]) -> List[str]:
    """Counts the images by class and part, including bad ones."""
    parts = ("labelled", UNLABELLED, "validation", "test")
    pairs = [(label, file.part) for file in files for label in file.labels]
    counts = collections.Counter(pairs)
    names = {**dict(enumerate(map(printable, class_names))), UNKNOWN: "(unknown)"}
    if any(label == NONE for label, _ in pairs):
        names[NONE] = "(none)"
    rows = [("class", *parts)]
    for label, name in names.items():
        rows.append((name, *(f"{counts[label, part]:,}" for part in parts)))
    totals = collections.Counter(file.part for file in files)
    rows.append(("total", *(f"{totals[part]:,}" for part in parts)))
    width = max(len(row[0]) for row in rows)
    return [
        "  ".join([row[0].ljust(width), *(cell.rjust(10) for cell in row[1:])])
        for row in rows
    ]


def _sizes(files: Sequence[_File]) -> List[str]:
    sizes = np.array([file.size for file in files if file.size]).reshape(-1, 2)
    if not len(sizes):
        return ["no image can be used"]
    lines = ["pixels (smallest / median / largest)"]
    for name, values in zip(("width", "height"), sizes.T):
        low, middle, high = values.min(), np.median(values), values.max()
        lines.append(f"  {name:<6}  {low:,} / {middle:,.0f} / {high:,}")
    shape = np.log2(sizes[:, 0] / sizes[:, 1])
    uneven = int((np.abs(shape) > 1).sum())
    if uneven:
        lines.append(
            f"  {uneven:,} images are more than twice as wide as high, or the reverse: "
            "resizing to a square distorts them"
        )
    return lines


def _bad(bad: Sequence[_File]) -> List[str]:
    if not bad:
        return ["bad files: none"]
    lines = [
        f"bad files: {len(bad):,}; repair or remove them, or train with "
        "--on_bad_image=skip"
    ]
    lines += [f"  {printable(file.path)}: {file.problem}" for file in bad[:LISTED]]
    return lines + _more(len(bad))


def _duplicates(files: Sequence[_File]) -> List[str]:
    """Lists groups of files with the same content, the most harmful ones first."""
    groups: Dict[bytes, List[_File]] = collections.defaultdict(list)
    for file in files:
        if file.digest:
            groups[file.digest].append(file)
    same = [group for group in groups.values() if len(group) > 1]
    if not same:
        return ["exact duplicates: none"]
    lines = [f"exact duplicates: {len(same):,} images occur in several files"]
    left = list(same)

    def kind(title: str, belongs: Callable[[List[_File]], bool]) -> None:
        found = [group for group in left if belongs(group)]
        left[:] = [group for group in left if not belongs(group)]
        if found:
            lines.append(f"  {len(found):,} {title}:")
            for group in found[:LISTED]:
                names = [printable(file.path) for file in group[:4]]
                more = [f"and {len(group) - 4} more"] if len(group) > 4 else []
                lines.append("    " + " = ".join([*names, *more]))
            lines.extend(_more(len(found), "    "))

    kind(
        "with different labels",
        lambda group: len({file.labels for file in group} - {(UNKNOWN,)}) > 1,
    )
    for judged in ("test", "validation"):
        kind(
            f"trained on and in {judged}, so that its scores are too good",
            lambda group, judged=judged: (
                judged in _parts(group)
                and bool(_parts(group) & {"labelled", UNLABELLED})
            ),
        )
    kind(
        "both in test and in validation",
        lambda group: {"test", "validation"} <= _parts(group),
    )
    kind(
        "both labelled and unlabelled",
        lambda group: {"labelled", UNLABELLED} <= _parts(group),
    )
    kind("within one part", lambda group: True)
    return lines


def _parts(group: Sequence[_File]) -> Set[str]:
    return {file.part for file in group}


def _more(number: int, indent: str = "  ") -> List[str]:
    return [f"{indent}and {number - LISTED:,} more"] if number > LISTED else []


def _sheet(
    files: Sequence[_File],
    thumbnails: Dict[int, np.ndarray],
    class_names: Sequence[str],
) -> Optional[Image.Image]:
    """Draws a row of images for each class, with unlabelled images last."""
    rows: Dict[int, List[np.ndarray]] = collections.defaultdict(list)
    for number, image in thumbnails.items():
        for label in files[number].labels:
            rows[label].append(image)
    labels = [label for label in range(len(class_names)) if rows[label]][:MOST_CLASSES]
    titles = {label: printable(class_names[label])[:100] for label in labels}
    for label, title in ((NONE, "none"), (UNKNOWN, UNLABELLED)):
        if rows[label]:
            titles[label] = title
    if not titles:
        return None
    font = ImageFont.load_default(13)
    step = SIDE + _LINE + _MARGIN
    width = ACROSS * (SIDE + _MARGIN) + _MARGIN
    sheet = Image.new("RGB", (width, len(titles) * step + _MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (label, title) in enumerate(titles.items()):
        top = _MARGIN + place * step
        draw.text((_MARGIN, top), title, "black", font)
        for column, image in enumerate(rows[label][:ACROSS]):
            left = _MARGIN + column * (SIDE + _MARGIN)
            sheet.paste(Image.fromarray(image), (left, top + _LINE))
    return sheet
