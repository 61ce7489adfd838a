"""Base models of runs in rounds: checks, and runs given with `--init_from`."""

from __future__ import annotations

from mixdmt_tf import algorithms
from mixdmt_tf.data.splits import Split
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.files import expanded
from mixdmt_tf.rounds import stages
from mixdmt_tf.runs import transfer
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.run_folder import read_results
from mixdmt_tf.runs.task import Task


def method_of(experiment: Experiment) -> str:
    """Returns the method of the base models, or of the run given as the base model."""
    given = experiment.run.init_from
    found = read_results(expanded(given)) if given else None
    return found["algorithm"] if found else stages.base_method(experiment)


def in_words(experiment: Experiment) -> str:
    """Describes the images that the base models learn from."""
    name = method_of(experiment)
    alone = algorithms.from_labels_alone(experiment.task, name)
    return "labels alone" if alone else f"{name}, labelled and unlabelled images"


def require_fitting(experiment: Experiment, split: Split) -> None:
    """Checks the settings of `difference_share` and `compare_supervised`.

    Args:
        experiment: settings of a run in rounds.
        split: the run's split.

    Raises:
        UsageError: if the labels cannot be divided as asked, or if the base models do
            not learn from all labels alone, so that the comparison would be
            meaningless.
    """
    method = experiment.method
    share = method.difference_share
    if share is not None:
        _require_parts(share, method.models, len(split.labeled))
    if not experiment.run.compare_supervised:
        return
    if share is not None:
        raise UsageError(
            f"--compare_supervised: with --difference_share={share:g} base models "
            "learn from a part of the labels.\nLeave out one of the two."
        )
    name = method_of(experiment)
    if not algorithms.from_labels_alone(experiment.task, name):
        raise UsageError(
            f"--compare_supervised: the method of the base model, {name}, also learns "
            "from unlabelled images.\nLeave it out, and train --algorithm=supervised "
            "in a folder of its own."
        )


def _require_parts(share: float, models: int, labels: int) -> None:
    if models == 1:
        raise UsageError(
            f"--difference_share={share:g} divides the labels between two base models, "
            "but there is only one.\nLeave it out, or use --models=2."
        )
    if labels < 2:
        raise UsageError(
            f"--difference_share={share:g}: one labelled image cannot be divided.\n"
            "Leave it out, or give more --labels."
        )
    if share in (0.5, 1.0):
        raise UsageError(
            f"--difference_share={share:g}: expected a number between 0.5 and 1.\n"
            "Leave it out to have both base models learn from all labels."
        )


def has_same_validation(task: Task, split: Split) -> bool:
    """Whether the `init_from` run has the same validation images as this run.

    Args:
        task: task of the run in rounds; its settings include `init_from`.
        split: split of the run in rounds.
    """
    theirs = task.read_split(expanded(task.experiment.run.init_from) / "split.json")
    same = set(theirs.validation) == set(split.validation)
    return same and theirs.own_validation == split.own_validation


def require_base(task: Task, split: Split) -> None:
    """Checks that the `init_from` run can serve as the base model.

    Args:
        task: task of the run in rounds.
        split: split of the run in rounds.

    Raises:
        UserError: if it cannot; the message says why and what to give instead.
    """
    run, method = task.experiment.run, task.experiment.method
    if method.models > 1:
        raise UsageError(
            "--init_from gives one base model, and --models=2 needs two.\n"
            "Leave it out, or use --models=1."
        )
    folder = expanded(run.init_from)
    transfer.require_same_network(folder, task.experiment)
    if read_results(folder) is None:
        raise UserError(
            f"--init_from={folder} is not finished: there is no results.json.\n"
            "Run its command to the end first."
        )
    theirs = task.read_split(folder / "split.json")
    if not set(theirs.labeled) <= set(split.labeled):
        raise UserError(
            f"--init_from={folder} was trained with labels that this run hides.\n"
            "Give it the same --labels, --validation and --seed, or --split="
            f"{folder / 'split.json'} to this one."
        )
    chosen = method.select_on in ("best", "valtiny")
    if chosen and not has_same_validation(task, split):
        raise UserError(
            f"--select_on={method.select_on}: --init_from={folder} has other "
            "validation images, so the errors cannot be compared.\nGive "
            f"--split={folder / 'split.json'}, or --select_on=last."
        )
