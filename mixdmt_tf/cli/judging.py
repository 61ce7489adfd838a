"""What `bin/suggest_labels` and `bin/find_strangers` have in common."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, Callable, Optional, Tuple

from mixdmt_tf import remote
from mixdmt_tf.cli import experiments
from mixdmt_tf.errors import UsageError
from mixdmt_tf.settings import setting
from mixdmt_tf.tasks.classification import several_labels


@dataclasses.dataclass(frozen=True)
class Judging:
    """Settings of both commands."""

    workdir: str = setting("", "the folder of a run of classification")
    output: str = setting(
        "",
        "the CSV file to write, which must not exist; a sheet of pictures gets its "
        "name with .png; default: a file in the run's folder",
    )
    data_dir: str = setting(
        "", "where the data are, if not where they were in training"
    )
    score: str = setting(
        "auto",
        "score that strangers (images of none of the classes) are found by, as "
        "--ood_score of RealMix; auto: that of the run's mask, else softmax, the "
        "largest probability; domain, frozen: only for runs that computed these",
        choices=(
            "auto",
            "softmax",
            "max_logit",
            "energy",
            "margin",
            "knn",
            "mahalanobis",
            "subspace",
            "domain",
            "frozen",
        ),
    )
    strangers: Optional[float] = setting(
        None,
        "percentage of the unlabelled images that count as strangers; default: what "
        "the run's mask rejects",
        low=0.0,
        high=99.9,
    )
    weights: str = setting(
        "ema", "averaged weights or raw ones", choices=("ema", "raw")
    )
    checkpoint: str = setting(
        "result",
        "which checkpoint; result: the one that the run's results and export belong "
        "to, which is the last unless the run has --snapshot=best; last: the newest; "
        "best: the best on the validation images",
        choices=("result", "last", "best"),
    )
    raw_names: bool = setting(
        False,
        "write names into the CSV file as they are; otherwise those that spreadsheets "
        "would take for formulas get an apostrophe: '=1+1.png",
    )


def open_output(
    config: Judging, name: str
) -> Tuple[pathlib.Path, pathlib.Path, pathlib.Path, Callable[[], Any]]:
    """Checks the run and the output files of a command.

    Args:
        config: settings of the command.
        name: default name of the CSV file, in the run's folder.

    Returns:
        The run's folder; the CSV file and the sheet of pictures, neither of which
        exists yet; a function that builds the `Experiment`, or raises a UsageError for
        segmentation and for runs with several labels per image.

    Raises:
        UsageError: if there is no run, or a file exists or can't be written.
    """
    folder, build = experiments.read_run(config.workdir)
    output = remote.written(config.output) if config.output else folder / name

    def build_classification() -> Any:
        experiment = build()
        if experiment.task != "classification":
            raise UsageError(
                f"--workdir={config.workdir} is a run of segmentation; expected one "
                "of classification"
            )
        if several_labels.has(experiment.data.dataset):
            raise UsageError(
                f"--workdir={config.workdir}: images of this run have several labels; "
                "expected a run with one class an image"
            )
        return experiment

    from mixdmt_tf.tasks.classification import listed_images

    return folder, output, listed_images.require_free(output), build_classification


def open_trained(config: Judging, experiment: Any, folder: pathlib.Path) -> Any:
    """Loads the task, the trained network and the split of a run.

    Raises:
        UsageError: if the run has no unlabelled images.
    """
    from mixdmt_tf import tasks
    from mixdmt_tf.runs import splits, trained

    task = tasks.open_run(experiment, config.data_dir)
    model = trained.load(task, folder, config.checkpoint)
    split = splits.trained_on(task, folder, model)
    if not len(split.unlabeled):
        raise UsageError(f"--workdir={folder}: that run has no unlabelled images")
    return task, model, split
