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
        "Prints validation and test error of a run's averaged and raw weights.",
        lambda _: [flags.group("command", "mixdmt_tf.cli.evaluate")],
    )
    values: Mapping[str, Any] = parsed.values["command"]
    config = Config(**values)
    folder, build = experiments.read_run(config.workdir)
    experiment = build()

    from mixdmt_tf.data import splits
    from mixdmt_tf.experiments import evaluation, trained

    model, source, split = trained.load_with_data(
        experiment, folder, config.checkpoint, config.data_dir
    )
    sets = {
        "validation": splits.validation_images(split, source),
        "test": source.test,
    }
    print(f"{folder}, step {model.step:,}")
    for name, images in sets.items():
        if images is None:
            print(f"{name}: no images")
            continue
        averaged = evaluation.score(model.scorer, model.averaged, images)
        raw = evaluation.score(model.scorer, model.raw, images)
        print(
            f"{name}: error {averaged.error:.2f} % of {len(images):,} images "
            f"(raw weights {raw.error:.2f} %), fine-grained accuracy "
            f"{averaged.fine_grained:.2f} %"
        )
        width = max(map(len, source.class_names))
        for class_name, accuracy in zip(source.class_names, averaged.accuracy_by_class):
            print(f"  {class_name:<{width}}  accuracy {accuracy:6.2f} %")
