"""`bin/inspect`: what a folder of images holds, before anybody trains on it."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import sys
from typing import Any, Callable, Mapping, Optional, Sequence

from mixdmt_tf import remote
from mixdmt_tf.cli import flags
from mixdmt_tf.cli.main import run
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.files import expanded
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the command."""

    data_dir: str = setting("", "the folder, as --data_dir of a training command")
    output: str = setting(
        "contact_sheet.png", "the PNG file for a look at some images; empty: none"
    )
    unlabeled_dir: str = setting(
        "", "a folder of more unlabelled images, as --unlabeled_dir of training"
    )
    channels: Optional[int] = setting(
        None, "of images that are no photographs, as in training", low=1, high=64
    )
    pixel_range: str = setting(
        "", "with --channels: the values that are black and white, as in training"
    )


def main(argv: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    return run(_inspect, argv)


def command() -> None:
    """The installed command `mixdmt-inspect`."""
    sys.exit(main(sys.argv[1:]))


def _inspect(argv: Sequence[str]) -> None:
    parsed = flags.parse(
        argv,
        "inspect",
        "Says what a folder of your own images holds: images per class and part,\n"
        "sizes, files that can't be used, exact duplicates. Writes a contact sheet,\n"
        "and changes nothing in the folder.",
        lambda _: [flags.group("command", "mixdmt_tf.cli.inspect")],
    )
    values: Mapping[str, Any] = parsed.values["command"]
    config = Config(**values)
    if not config.data_dir:
        raise UsageError("--data_dir is missing; expected a folder of images")
    folder = expanded(config.data_dir)
    if not folder.is_dir():
        raise UserError(f"--data_dir={folder} is not a folder")
    output = remote.written(config.output) if config.output else None
    if output and (output.suffix.lower() != ".png" or output.is_dir()):
        raise UsageError(f"--output={output}: expected the name of a PNG file")

    import numpy as np

    from mixdmt_tf.files import write_atomically, write_png_atomically
    from mixdmt_tf.progress import Progress

    inspect = _inspection(folder, config)
    with contextlib.closing(Progress("reading images", "images")) as progress:
        report = inspect(progress.update)
    print("\n".join(report.lines))
    colours = getattr(report, "colours", "")
    if colours and not output:
        print(f"\nproposed colours, to be copied to colours.txt:\n{colours}", end="")
    try:
        if output and colours:
            place = output.with_name("proposed_colours.txt")
            write_atomically(place, colours)
            file = remote.shown(place)
            print(
                f"\nproposed colours: {file}; put names in and copy it to colours.txt"
            )
        if output and report.sheet:
            write_png_atomically(output, np.asarray(report.sheet))
            print(f"\ncontact sheet: {remote.shown(output)}")
    except OSError as error:
        raise UserError(
            f"--output={output} cannot be written: {error.strerror}"
        ) from error


def _inspection(
    folder: pathlib.Path, config: Config
) -> Callable[[Callable[[int, int], None]], Any]:
    """Returns the inspection for this kind of folder; it takes a progress callback."""
    from mixdmt_tf.data.classification import class_folders
    from mixdmt_tf.data.segmentation import inspection as inspection_of_masks
    from mixdmt_tf.data.segmentation import listing

    values = dataclasses.asdict(config)
    more = {k: values[k] for k in ("unlabeled_dir", "channels", "pixel_range")}
    table = _has_table(folder)
    if listing.layout(folder) and not table:
        for name in (name for name, value in more.items() if value):
            raise UsageError(
                f"--{name}: {folder} has images with masks; only photographs below "
                "--data_dir are inspected.\nLeave it out."
            )
        return lambda progress: inspection_of_masks.inspect(folder, progress=progress)
    from mixdmt_tf.data.classification import config as images
    from mixdmt_tf.data.classification import inspection
    from mixdmt_tf.data.classification.datasets import multilabel_folder

    if not table and not class_folders.looks_right(folder):
        raise UserError(
            f"{folder}: {class_folders.LAYOUTS}, or images and {multilabel_folder.FILE}"
        )
    dataset = "multilabel_folder" if table else "folder"
    data = images.Config(dataset=dataset, data_dir=str(folder), **more)
    return lambda progress: inspection.inspect(data, progress)


def _has_table(folder: pathlib.Path) -> bool:
    """Whether a folder has labels.csv with several labels of each image.

    One with a class of each image, for --labels_csv, or of another kind, may lie beside
    class folders or masks.
    """
    from mixdmt_tf.data import csv_rows
    from mixdmt_tf.data.classification import class_folders
    from mixdmt_tf.data.classification.datasets import multilabel_folder
    from mixdmt_tf.data.segmentation import listing

    path = folder / multilabel_folder.FILE
    if not path.is_file():
        return False
    other = bool(listing.layout(folder)) or class_folders.looks_right(folder)
    try:
        header, _ = csv_rows.read(path, str(path), (), ("file", "label"))
    except UserError:  # training says why, if this is the table that it reads
        return not other
    return not other or ("file" in header and "label" not in header)
