"""`bin/export_model`: a run's model for other programs."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any, Mapping, Sequence

from mixdmt_tf.cli import experiments, flags
from mixdmt_tf.cli.main import run
from mixdmt_tf.errors import UsageError
from mixdmt_tf.files import expanded
from mixdmt_tf.settings import setting

FILES = {"saved_model": "export", "keras": "model.keras", "tflite": "model.tflite"}


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the command."""

    workdir: str = setting("", "the folder of a run")
    format: str = setting(
        "saved_model",
        "saved_model: uint8 images in, probabilities and labels out; keras: stock "
        "layers, images of 0 to 255 in, probabilities out; tflite: as saved_model. Of "
        "segmentation saved_model only: images of any size in, all pixels out",
        choices=("saved_model", "keras", "tflite"),
    )
    output: str = setting(
        "",
        "where to; default: export/, model.keras or model.tflite in the run's folder",
    )
    checkpoint: str = setting(
        "last", "which; best: on the validation images", choices=("last", "best")
    )
    weights: str = setting(
        "ema", "averaged weights, or those of the last step", choices=("ema", "raw")
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
        "Exports a run's model and compares the exported file's answers with it.",
        lambda _: [flags.group("command", "mixdmt_tf.cli.export_model")],
    )
    values: Mapping[str, Any] = parsed.values["command"]
    config = Config(**values)
    folder, build = experiments.read_run(config.workdir)
    place = expanded(config.output or folder / FILES[config.format])
    if config.format == "keras" and place.suffix != ".keras":
        raise UsageError(f"--output={config.output}: expected a name ending in .keras")
    experiment = build()

    from mixdmt_tf.runs import export, trained
    from mixdmt_tf.tasks import open_task

    model = trained.load(open_task(experiment), folder, config.checkpoint)
    weights = model.weights(config.weights)
    export.export(
        config.format, model.scorer, weights, model.class_names, place, model.colours
    )
    print(f"step {model.step:,}, {config.weights} weights: {place}")
