"""`bin/predict`: what a run's model says of a folder of pictures."""

from __future__ import annotations

import csv
import dataclasses
import pathlib
import sys
from typing import Any, Mapping, Sequence

from mixdmt_tf.cli import experiments, flags
from mixdmt_tf.cli.main import run
from mixdmt_tf.errors import UserError
from mixdmt_tf.settings import setting

LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R 601)


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the command."""

    workdir: str = setting("", "the folder of a run")
    output: str = setting("predictions.csv", "the CSV file to write, or - to print it")
    checkpoint: str = setting(
        "last", "which; best: on the validation images", choices=("last", "best")
    )
    weights: str = setting(
        "ema", "averaged weights, or those of the last step", choices=("ema", "raw")
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
        "file, label, confidence, and the probability of every class.",
        lambda _: [flags.group("command", "mixdmt_tf.cli.predict")],
        arguments=("DIR_OF_IMAGES",),
    )
    values: Mapping[str, Any] = parsed.values["command"]
    config = Config(**values)
    folder, build = experiments.read_run(config.workdir)
    images_folder = pathlib.Path(parsed.arguments[0]).expanduser()

    from mixdmt_tf.data import pictures

    if not images_folder.is_dir():
        raise UserError(f"{images_folder} is not a folder; expected one with images")
    paths, _ = pictures.find(images_folder)
    if not paths:
        raise UserError(f"{images_folder} has no PNG, JPEG or BMP images below it")

    experiment = build()
    from mixdmt_tf.experiments import trained

    model = trained.load(experiment, folder, config.checkpoint)
    height, _, channels = model.image_shape
    images = pictures.read(paths, height)
    if channels == 1:
        images = (images @ LUMINANCE).round().astype(images.dtype)[..., None]
    probabilities = model.scorer.predict(model.weights(config.weights), images)
    rows = [["file", "label", "confidence", *model.class_names]]
    for path, row in zip(paths, probabilities):
        best = int(row.argmax())
        numbers = [f"{row[best]:.6f}", *(f"{p:.6f}" for p in row)]
        # Names need not be valid text in any encoding.
        name = str(path.relative_to(images_folder)).encode(errors="backslashreplace")
        rows.append([name.decode(), model.class_names[best], *numbers])
    if config.output == "-":
        csv.writer(sys.stdout, lineterminator="\n").writerows(rows)
        return
    _write(pathlib.Path(config.output).expanduser(), rows)
    print(f"{len(paths):,} images: {config.output}")


def _write(path: pathlib.Path, rows: Sequence[Sequence[str]]) -> None:
    import io

    from mixdmt_tf.files import write_atomically

    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    try:
        write_atomically(path, text.getvalue())
    except OSError as error:
        raise UserError(
            f"--output={path} cannot be written: {error.strerror}"
        ) from error
