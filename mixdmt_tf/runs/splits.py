"""The split of a run: drawn, given with `--split`, or found in the run folder."""

from __future__ import annotations

import pathlib

from mixdmt_tf import digests
from mixdmt_tf.data.splits import Split, write_split
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.files import expanded
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.task import Task
from mixdmt_tf.runs.trained import Trained


def choose_split(task: Task) -> Split:
    """Returns the split of `--split`, or draws one with the run's seed."""
    given = task.experiment.data.split
    return _read_given(task, given) if given else task.draw_split()


def note(task: Task) -> str:
    """Says which settings do not count, since the split is given; '' if all do."""
    data = task.experiment.data
    if not data.split or not isinstance(data.labels, int):
        return ""
    known = len(_read_given(task, data.split).labeled)
    if known == data.labels:
        return ""
    return (
        f"--split={data.split} has {known:,} labelled images: --labels={data.labels} "
        "does not count\n"
    )


def find_split(task: Task, folder: pathlib.Path) -> Split:
    """Like `open_split`, but does not create a split.

    Once a folder has a split, it is bound to the run's settings. A refused command thus
    leaves no split behind.
    """
    own = folder / "split.json"
    opened = own.exists() or digests.is_damaged(own)
    return open_split(task, folder) if opened else choose_split(task)


def open_split(task: Task, folder: pathlib.Path) -> Split:
    """Reads the run folder's split; a new folder gets one.

    Raises:
        UserError: if `--split` names a file with a different split.
    """
    own = folder / "split.json"
    if digests.is_damaged(own):
        _draw_again(task, own)
    elif not own.exists():
        write_split(own, choose_split(task))
    split, given = task.read_split(own), task.experiment.data.split
    if given and _read_given(task, given).digest() != split.digest():
        raise UserError(
            f"--split={given} is not the split that {folder} was started with.\n"
            "Resume without --split, or choose another --workdir."
        )
    return split


def trained_on(task: Task, folder: pathlib.Path, model: Trained) -> Split:
    """Reads the split of a trained run.

    Raises:
        UserError: if the split was changed, or the weights were trained on another one.
    """
    path = folder / "split.json"
    split = task.read_split(path)
    # The stages of a run in rounds have their own splits.
    if model.split and not task.experiment.in_rounds:
        if not model.split.startswith(split.digest()):
            raise UserError(
                f"{path} is not the split that the checkpoints were trained on.\n"
                "Put the run's own back: a checkpoint may have a copy of it."
            )
    return split


def _draw_again(task: Task, own: pathlib.Path) -> None:
    """Restores a damaged `split.json` by drawing the split again from the settings."""
    split = choose_split(task)
    if not digests.accepts(own, split.to_json()):
        raise UserError(
            f"{own} is damaged, no checkpoint has a copy of it, and these settings "
            "draw another split.\nPut the file back, or choose another --workdir."
        )
    write_split(own, split)
    print(f"{own} was damaged: it was drawn again", flush=True)


def _read_given(task: Task, path: str) -> Split:
    return task.read_split(expanded(path))


def require_unlabeled(experiment: Experiment, split: Split) -> None:
    """Checks that there are unlabelled images, for methods that need some.

    Raises:
        UsageError: if all images are labelled.
    """
    if not len(split.unlabeled):
        raise UsageError(
            f"--algorithm={experiment.algorithm} needs unlabelled images, and all "
            f"{len(split.labeled)} of {split.dataset} are labelled.\n"
            "Give fewer --labels, or train with bin/train --algorithm=supervised."
        )
