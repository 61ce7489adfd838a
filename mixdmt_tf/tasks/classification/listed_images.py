"""Unlabelled images as a list for people: a CSV file, and a sheet of pictures."""

from __future__ import annotations

import contextlib
import csv
import io
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
    """Makes sure that nothing is replaced: somebody may have filled in labels.

    Args:
        output: the CSV file.

    Returns:
        The file for the sheet, beside it.

    Raises:
        UsageError: if either is there, or could not be written.
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
    """The file of a training image, or its number where there are no files."""
    return source.names[row] if source.names else str(row)


def picture_of(source: Source, row: int, experiment: Experiment) -> Image.Image:
    """A training image as people want to see it: its file, if that is a photograph."""
    if source.names and not experiment.data.bands:
        path = expanded(experiment.data.data_dir) / source.names[row]
        if not path.is_file():  # of --unlabeled_dir, from the present folder on
            path = pathlib.Path(source.names[row])
        with contextlib.suppress(UserError):
            with opening.opened(path, image_files.FORMATS) as picture:
                picture.draft("RGB", (contact_sheets.SIDE,) * 2)
                return opening.rgb(picture)
    return contact_sheets.of_array(source.train.images[row])


@contextlib.contextmanager
def together(*paths: pathlib.Path) -> Iterator[None]:
    """Within it, files are written of which either all stay or none.

    One alone would stand in the way of the same command: `require_free`.
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
    """Writes the CSV file; names that spreadsheets take for formulas are escaped.

    Args:
        output: the file.
        header: names of the columns; those of `NAMES` hold names, the others numbers.
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
    """A name of a file, which need not be valid text in any encoding."""
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
