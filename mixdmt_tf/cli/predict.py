"""`bin/predict`: what a run's model says of a folder of images."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any, Mapping, Sequence

from mixdmt_tf.cli import experiments, flags
from mixdmt_tf.cli.main import run
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
        "last", "which; best: on the validation images", choices=("last", "best")
    )
    weights: str = setting(
        "ema", "averaged weights, or those of the last step", choices=("ema", "raw")
    )
    on_bad_image: str = setting(
        "error",
        "files that can't be used; skip: name them, and predict the others",
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
        "Classifies all PNG, JPEG and BMP files below a folder: one CSV row each with\n"
        "file, label, confidence, and the probability of every class. A run of\n"
        "segmentation labels every pixel: a PNG of class numbers each, and an overlay.",
        lambda _: [flags.group("command", "mixdmt_tf.cli.predict")],
        arguments=("DIR_OF_IMAGES",),
    )
    values: Mapping[str, Any] = parsed.values["command"]
    config = Config(**values)
    folder, build = experiments.read_run(config.workdir)
    images_folder = expanded(parsed.arguments[0])

    from mixdmt_tf.data import bands, image_files

    if not images_folder.is_dir():
        raise UserError(f"{images_folder} is not a folder; expected one with images")
    found, _ = image_files.find(images_folder, bands.SUFFIXES)
    experiment = build() if found else None
    suffixes = bands.suffixes(experiment.data.bands if experiment else None)
    paths = [path for path in found if path.suffix.lower() in suffixes]
    if not paths:
        raise UserError(f"{images_folder} has no PNG, JPEG or BMP images below it")

    from mixdmt_tf import tasks
    from mixdmt_tf.runs import trained

    model = trained.load(tasks.open_task(experiment), folder, config.checkpoint)
    tasks.commands(experiment).predict(model, images_folder, paths, config)
