"""`bin/export_model`: a run's model for other programs."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any, Mapping, Sequence

from mixdmt_tf import remote
from mixdmt_tf.cli import experiments, flags
from mixdmt_tf.cli.main import run
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.settings import setting

FILES = {
    "saved_model": "export",
    "keras": "model.keras",
    "tflite": "model.tflite",
    "tflite_int8": "model_int8.tflite",
}


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the command."""

    workdir: str = setting("", "the folder of a run")
    format: str = setting(
        "saved_model",
        "saved_model: images of any size or JPEG and PNG files in, probabilities, "
        "labels and names out; keras: images of 0 to 255 in, probabilities out, of "
        "classification stock layers only; tflite: uint8 images of the network's size "
        "in; tflite_int8: the same in 8-bit numbers, calibrated on training images",
        choices=("saved_model", "keras", "tflite", "tflite_int8"),
    )
    output: str = setting(
        "",
        "where to; default: export/, model.keras, model.tflite or model_int8.tflite in "
        "the run's folder",
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
    data_dir: str = setting(
        "", "where the data are, if not where they were in training"
    )


def main(argv: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    return run(_export, argv)


def command() -> None:
    """The installed command `mixdmt-export-model`."""
    sys.exit(main(sys.argv[1:]))


def _export(argv: Sequence[str]) -> None:
    parsed = flags.parse(
        argv,
        "export_model",
        "Exports a run's model and compares the exported file's predictions with it.",
        lambda _: [flags.group("command", "mixdmt_tf.cli.export_model")],
    )
    values: Mapping[str, Any] = parsed.values["command"]
    config = Config(**values)
    folder, build = experiments.read_run(config.workdir)
    place = folder / FILES[config.format]
    if config.output:
        place = remote.written(config.output)
    if config.format == "keras" and place.suffix != ".keras":
        raise UsageError(f"--output={config.output}: expected a name ending in .keras")
    experiment = build()

    from mixdmt_tf import tasks
    from mixdmt_tf.runs import export, trained

    task = tasks.open_run(experiment, config.data_dir)
    model = trained.load(task, folder, config.checkpoint)
    weights = model.weights(config.weights)
    found = export.export(
        config.format,
        model.scorer,
        weights,
        model.class_names,
        place,
        model.colours,
        _samples(task, config.format),
        model.bands,
    )
    print(f"step {model.step:,}, {config.weights} weights: {remote.shown(place)}")
    print(found.describe())


def _samples(task: Any, format_name: str) -> Any:
    """Returns images to compare on; None for random ones if the data are missing."""
    from mixdmt_tf import tasks

    try:
        return tasks.commands(task.experiment).export_samples(task)
    except UserError as error:
        if format_name == "tflite_int8":
            raise
        print(
            f"comparing on random images, since the run's are missing: {error}",
            file=sys.stderr,
        )
        return None
