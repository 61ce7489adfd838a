"""`bin/predict`: what a run's model says of a folder of pictures."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import pathlib
import sys
from typing import TYPE_CHECKING, Any, Mapping, Sequence

from mixdmt_tf.cli import experiments, flags
from mixdmt_tf.cli.main import run
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.settings import setting

if TYPE_CHECKING:  # it imports what takes seconds
    from mixdmt_tf.runs.trained import Trained

LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R 601)


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the command."""

    workdir: str = setting("", "the folder of a run")
    output: str = setting(
        "",
        "the CSV file to write, or - to print it; default: predictions.csv. Of a run "
        "on scenes a folder; default: predictions",
    )
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
        "file, label, confidence, and the probability of every class. A run on scenes\n"
        "labels every pixel: a PNG of class numbers each, and one to look at.",
        lambda _: [flags.group("command", "mixdmt_tf.cli.predict")],
        arguments=("DIR_OF_IMAGES",),
    )
    values: Mapping[str, Any] = parsed.values["command"]
    config = Config(**values)
    folder, build = experiments.read_run(config.workdir)
    images_folder = pathlib.Path(parsed.arguments[0]).expanduser()

    from mixdmt_tf.data import image_files

    if not images_folder.is_dir():
        raise UserError(f"{images_folder} is not a folder; expected one with images")
    paths, _ = image_files.find(images_folder)
    _require(paths, images_folder)

    experiment = build()
    from mixdmt_tf.runs import trained

    model = trained.load(experiment, folder, config.checkpoint)
    if experiment.scenes:
        _label_pixels(config, model, images_folder, paths)
    else:
        _classify(config, model, images_folder, paths)


def _require(paths: Sequence[pathlib.Path], folder: pathlib.Path) -> None:
    if not paths:
        raise UserError(f"{folder} has no PNG, JPEG or BMP images below it")


def _label_pixels(
    config: Config,
    model: Trained,
    folder: pathlib.Path,
    paths: Sequence[pathlib.Path],
) -> None:
    """Writes a folder of label maps."""
    from mixdmt_tf.runs.progress import Progress
    from mixdmt_tf.tasks.segmentation import prediction

    output = pathlib.Path(config.output or "predictions").expanduser()
    if config.output == "-":
        raise UsageError("--output=-: a run on scenes writes pictures; name a folder")
    place = output.resolve()
    if place in (folder.resolve(), *folder.resolve().parents):
        raise UsageError(f"--output={output} holds the pictures; name another folder")
    if prediction.is_ours(output):  # what was written below the pictures is none
        paths = [path for path in paths if place not in path.resolve().parents]
        _require(paths, folder)
    gallery = prediction.open_gallery(model, folder, paths, output)
    with contextlib.closing(Progress("reading all once", "pictures")) as progress:
        prediction.check(gallery, progress.update)
    weights = model.weights(config.weights)
    with contextlib.closing(Progress("labelling", "pictures")) as progress:
        prediction.write(model, weights, gallery, progress.update)
    print(f"{len(paths):,} pictures: {output}")


def _classify(
    config: Config,
    model: Trained,
    folder: pathlib.Path,
    paths: Sequence[pathlib.Path],
) -> None:
    """Writes a table."""
    from mixdmt_tf.data import image_files

    height, _, channels = model.image_shape
    images = image_files.read(paths, height)
    if channels == 1:
        images = (images @ LUMINANCE).round().astype(images.dtype)[..., None]
    probabilities = model.scorer.predict(model.weights(config.weights), images)
    rows = [["file", "label", "confidence", *model.class_names]]
    for path, row in zip(paths, probabilities):
        best = int(row.argmax())
        numbers = [f"{row[best]:.6f}", *(f"{p:.6f}" for p in row)]
        # Names need not be valid text in any encoding.
        name = str(path.relative_to(folder)).encode(errors="backslashreplace")
        rows.append([name.decode(), model.class_names[best], *numbers])
    output = config.output or "predictions.csv"
    if output == "-":
        csv.writer(sys.stdout, lineterminator="\n").writerows(rows)
        return
    _write(pathlib.Path(output).expanduser(), rows)
    print(f"{len(paths):,} images: {output}")


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
