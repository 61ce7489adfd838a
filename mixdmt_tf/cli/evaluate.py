"""`bin/evaluate`: score a run's weights again."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any, Mapping, Sequence

from mixdmt_tf import remote
from mixdmt_tf.cli import experiments, flags
from mixdmt_tf.cli.main import run
from mixdmt_tf.errors import UsageError
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the command."""

    workdir: str = setting("", "the folder of a run")
    checkpoint: str = setting(
        "result",
        "which checkpoint; result: the one that the run's results and export belong "
        "to, which is the last unless the run has --snapshot=best; last: the newest; "
        "best: the best on the validation images",
        choices=("result", "last", "best"),
    )
    data_dir: str = setting(
        "", "where the data are, if not where they were in training"
    )
    class_filter: str = setting(
        "",
        "segmentation: the folder of a run of --algorithm=mlmt; classes that it does "
        "not find in an image are not predicted there",
    )
    class_filter_threshold: float = setting(
        0.2,
        "probability from which on it finds a class in an image",
        low=0.0,
        high=1.0,
    )
    class_filter_form: str = setting(
        "remove",
        "remove: such classes are never predicted; released: their logits become 0, as "
        "in the release of s4GAN, and win where all others are negative",
        choices=("remove", "released"),
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
    for name in ("class_filter_threshold", "class_filter_form"):
        if name in parsed.places and not config.class_filter:
            raise UsageError(f"--{name} needs --class_filter=RUN")
    folder, build = experiments.read_run(config.workdir)
    if config.class_filter:
        judging = experiments.read_run(config.class_filter, "class_filter")
    experiment, more = build(), {}

    from mixdmt_tf import tasks
    from mixdmt_tf.runs import splits, trained

    if config.class_filter:
        judge_folder, build_judge = judging
        judge = build_judge()
        _require_filter(config, experiment, judge)
        judges = tasks.open_run(judge, config.data_dir)
        more = {"judge": trained.load(judges, judge_folder), "config": config}
    task = tasks.open_run(experiment, config.data_dir)
    model = trained.load(task, folder, config.checkpoint)
    split = splits.trained_on(task, folder, model)
    print(f"{remote.shown(folder)}, step {model.step:,}", flush=True)
    tasks.commands(experiment).print_scores(task, model, split, **more)


def _require_filter(config: Config, experiment: Any, judge: Any) -> None:
    """Checks that a run can filter the classes of another run."""
    given = f"--class_filter={config.class_filter}"
    if experiment.task != "segmentation":
        raise UsageError(f"{given}: {config.workdir} is not a run of segmentation")
    if not getattr(judge.method_class(), "image_level", False):
        raise UsageError(
            f"{given} is a run of --algorithm={judge.algorithm}, which doesn't predict "
            "the classes of an image.\nExpected a run of --algorithm=mlmt."
        )
