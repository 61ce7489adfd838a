"""`bin/predict`: what a run's model says of images and folders of images."""

from __future__ import annotations

import dataclasses
import errno
import os
import pathlib
import sys
from typing import Any, List, Mapping, Sequence, Tuple

from mixdmt_tf import addresses
from mixdmt_tf.cli import experiments, flags
from mixdmt_tf.cli.main import run
from mixdmt_tf.data import bands
from mixdmt_tf.errors import UserError
from mixdmt_tf.files import expanded
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the command."""

    workdir: str = setting("", "the folder of a run")
    output: str = setting(
        "",
        "the CSV file to write, or - to print it; default: predictions.csv. Of "
        "segmentation a folder; default: predictions",
    )
    checkpoint: str = setting(
        "result",
        "which checkpoint; result: the one that the run's results and export belong "
        "to, which is the last unless the run has --snapshot=best; last: the newest; "
        "best: the best on the validation images",
        choices=("result", "last", "best"),
    )
    weights: str = setting(
        "ema", "averaged weights, or those of the last step", choices=("ema", "raw")
    )
    on_bad_image: str = setting(
        "error",
        "files that can't be used; skip: name them, and predict the others "
        "(classification only)",
        choices=("error", "skip"),
    )
    raw_names: bool = setting(
        False,
        "write names into the CSV file as they are; otherwise those that spreadsheets "
        "would take for formulas get an apostrophe: '=1+1.png",
    )


def main(argv: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    return run(_predict, argv)


def command() -> None:
    """The installed command `mixdmt-predict`."""
    sys.exit(main(sys.argv[1:]))


def _predict(argv: Sequence[str]) -> None:
    parsed = flags.parse(
        argv,
        "predict",
        "Classifies PNG, JPEG and BMP files, and all that are below folders: one CSV\n"
        "row each with file, label, confidence, and the probability of every class. A\n"
        "run of segmentation labels every pixel: a PNG of class numbers each, and an\n"
        "overlay.",
        lambda _: [flags.group("command", "mixdmt_tf.cli.predict")],
        arguments=("IMAGE_OR_FOLDER...",),
    )
    values: Mapping[str, Any] = parsed.values["command"]
    config = Config(**values)
    folder, build = experiments.read_run(config.workdir)
    images_folder, found = _images([expanded(each) for each in parsed.arguments])
    experiment = build()
    if experiment.task == "classification" and config.output not in ("", "-"):
        _require_place(config.output)
    suffixes = bands.suffixes(experiment.data.bands)
    paths = [path for path in found if path.suffix.lower() in suffixes]
    if not paths:
        endings = ", ".join(suffixes)
        raise UserError(
            f"{images_folder}: no images of the kinds that the run uses: {endings}"
        )

    from mixdmt_tf import tasks
    from mixdmt_tf.runs import trained

    model = trained.load(tasks.open_task(experiment), folder, config.checkpoint)
    tasks.commands(experiment).predict(model, images_folder, paths, config)


def _require_place(output: str) -> None:
    """Checks the place of the table before the images are read, which may take hours.

    Raises:
        UserError: if it is a folder, or its folder does not exist.
    """
    if addresses.is_address(output):
        return
    place = expanded(output)
    number = errno.EISDIR if place.is_dir() else errno.ENOENT
    if number == errno.EISDIR or not place.parent.is_dir():
        raise UserError(f"--output={output} cannot be written: {os.strerror(number)}")


def _images(
    places: Sequence[pathlib.Path],
) -> Tuple[pathlib.Path, List[pathlib.Path]]:
    """Finds the given image files, and all images below the given folders.

    Returns:
        The folder that names in the output are relative to, and the files.

    Raises:
        UserError: if a file is missing or not an image, or a folder has no images.
    """
    from mixdmt_tf.data import image_files

    paths: List[pathlib.Path] = []
    for place in places:
        shown = image_files.printable(place)
        if place.is_dir():
            below, _ = image_files.find(place, bands.SUFFIXES)
            found = [*below]
            if not found:
                raise UserError(f"{shown} has no PNG, JPEG or BMP images below it")
        elif place.is_file():
            found = [place]
            if place.suffix.lower() not in bands.SUFFIXES:
                endings = ", ".join(bands.SUFFIXES)
                raise UserError(
                    f"{shown} is no image by its name; expected one ending in {endings}"
                )
        else:
            raise UserError(f"{shown} does not exist; expected an image or a folder")
        paths += found
    folders = [place if place.is_dir() else place.parent for place in places]
    if len(places) == 1:
        return folders[0], paths
    common = os.path.commonpath([os.path.abspath(each) for each in folders])
    absolute = dict.fromkeys(pathlib.Path(os.path.abspath(each)) for each in paths)
    return pathlib.Path(common), list(absolute)
