"""`bin/evaluate`: score a run's weights again."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any, Mapping, Sequence

from mixdmt_tf.cli import experiments, flags
from mixdmt_tf.cli.main import run
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the command."""

    workdir: str = setting("", "the folder of a run")
    checkpoint: str = setting(
        "last", "which; best: on the validation images", choices=("last", "best")
    )
    data_dir: str = setting(
        "", "where the data are, if not where they were in training"
    )


def main(argv: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    return run(_evaluate, argv)


def command() -> None:
    """The installed command `mixdmt-evaluate`."""
    sys.exit(main(sys.argv[1:]))


def _evaluate(argv: Sequence[str]) -> None:
    parsed = flags.parse(
        argv,
        "evaluate",
        "Prints the scores of a run's averaged and raw weights on validation and test\n"
        "images: errors, or of segmentation mean IoU and the IoU of each class.",
        lambda _: [flags.group("command", "mixdmt_tf.cli.evaluate")],
    )
    values: Mapping[str, Any] = parsed.values["command"]
    config = Config(**values)
    folder, build = experiments.read_run(config.workdir)
    experiment = build()

    from mixdmt_tf import tasks
    from mixdmt_tf.runs import splits, trained

    task = tasks.open_run(experiment, config.data_dir)
    model = trained.load(task, folder, config.checkpoint)
    split = splits.trained_on(task, folder, model)
    print(f"{folder}, step {model.step:,}", flush=True)
    tasks.commands(experiment).print_scores(task, model, split)
