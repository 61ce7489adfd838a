"""Lists of unlabelled images for users: a CSV file, and a contact sheet."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import pathlib
from typing import Iterator, List, Sequence

import numpy as np
from PIL import Image

from mixdmt_tf.data import image_files
from mixdmt_tf.data.classification.source import Source
from mixdmt_tf.data.segmentation import opening
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.files import cell, expanded, write_atomically, write_png_atomically
from mixdmt_tf.runs import contact_sheets
from mixdmt_tf.runs.experiment import Experiment

NAMES = ("file", "guess")


def require_free(output: pathlib.Path) -> pathlib.Path:
    """Checks that no file is replaced, since a user may have filled in labels.

    Args:
        output: the CSV file.

    Returns:
        The file for the contact sheet, beside it.

    Raises:
        UsageError: if either file exists, or could not be written.
    """
    sheet = output.with_suffix(".png")
    if output.suffix != ".csv":
        raise UsageError(f"--output={output}: expected a name ending in .csv")
    if not output.parent.is_dir():
        raise UsageError(f"--output={output}: there is no folder {output.parent}")
    for path in (output, sheet):
        if path.exists():
            raise UsageError(
                f"--output={output}: {path} is there already, and may have your "
                "labels.\nMove it away, or name another file."
            )
    return sheet


def name_of(source: Source, row: int) -> str:
    """Returns the file of a training image, or its number if there are no files."""
    return source.names[row] if source.names else str(row)


def picture_of(source: Source, row: int, experiment: Experiment) -> Image.Image:
    """Returns a training image for display: its file, if that is a photograph."""
    if source.names and not experiment.data.bands:
        path = expanded(experiment.data.data_dir) / source.names[row]
        if not os.path.isfile(
            path
        ):  # of --unlabeled_dir, relative to the current folder
            path = pathlib.Path(source.names[row])
        with contextlib.suppress(UserError):
            with opening.opened(path, image_files.FORMATS) as picture:
                picture.draft("RGB", (contact_sheets.SIDE,) * 2)
                return opening.rgb(picture)
    return contact_sheets.of_array(source.train.images[row])


@contextlib.contextmanager
def together(*paths: pathlib.Path) -> Iterator[None]:
    """Removes all of these files if writing fails within the context.

    A single file left over would block the same command; see `require_free`.
    """
    try:
        yield
    except BaseException:
        for path in paths:
            path.unlink(missing_ok=True)
        raise


def write(
    output: pathlib.Path,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    raw_names: bool = False,
) -> None:
    """Writes the CSV file; names that look like formulas are escaped.

    Args:
        output: the file.
        header: names of the columns; columns in `NAMES` hold names, others numbers.
        rows: cells.
        raw_names: whether names are written as they are.

    Raises:
        UserError: if it can't be written.
    """
    text = io.StringIO(newline="")
    shown = _as_text if raw_names else cell
    named = [column in NAMES for column in header]
    lines = [
        [shown(each) if name else each for each, name in zip(row, named)]
        for row in rows
    ]
    csv.writer(text, lineterminator="\n").writerows([header, *lines])
    try:
        write_atomically(output, text.getvalue())
    except OSError as error:
        raise _unwritten(output, error) from error


def _as_text(name: str) -> str:
    """Converts a file name, which may be invalid in every encoding, to text."""
    return name.encode(errors="backslashreplace").decode()


def write_sheet(
    path: pathlib.Path,
    source: Source,
    experiment: Experiment,
    rows: np.ndarray,
    captions: List[List[str]],
) -> None:
    """Draws training images with captions.

    Raises:
        UserError: if it can't be written.
    """
    pictures = [
        contact_sheets.thumbnail(picture_of(source, row, experiment)) for row in rows
    ]
    try:
        write_png_atomically(path, contact_sheets.sheet(pictures, captions))
    except OSError as error:
        raise _unwritten(path, error) from error


def _unwritten(path: pathlib.Path, error: OSError) -> UserError:
    return UserError(f"{path} cannot be written: {error.strerror}")
