"""Whether a run has ended, and has the checkpoint that its numbers are of.

An older checkpoint is as good to go on from, but not to read: its weights are others
than those that `results.json` judges.
"""

from __future__ import annotations

import pathlib
import shutil
from typing import Optional

from mixdmt_tf import digests
from mixdmt_tf.runs import manifests, repair
from mixdmt_tf.runs.results import best_row
from mixdmt_tf.runs.rows import read_rows
from mixdmt_tf.runs.run_folder import read_results


def is_finished(folder: pathlib.Path, steps: int, snapshot: str = "last") -> bool:
    """Whether there is nothing left to train of a run that has no rounds.

    Args:
        folder: of the run; it need not be there.
        steps: its length.
        snapshot: 'best' if the checkpoint that is best on validation is needed, too.
    """
    if repair.damaged(folder):  # its training command puts that back
        return False
    found = read_results(folder)
    if found is None or found.get("steps") != steps or not is_whole(folder, steps):
        return False
    best = best_step(folder) if snapshot == "best" else None
    return best is None or is_whole(folder, best)


def last_step(folder: pathlib.Path) -> Optional[int]:
    """The step that a finished run ended with; None of one that is not finished.

    Raises:
        Damaged: if `results.json` or `metrics.csv` are.
    """
    found = read_results(folder)
    if found is None:
        return None
    step = found.get("steps")
    if "result_of" in found:  # of a run in rounds these are the steps of all stages
        rows = read_rows(folder)
        step = int(rows[-1]["step"]) if rows else None
    present = place(folder, 0).parent
    later = manifests.steps(present)[-1:]
    # Of a run that was prolonged these are the results that it had before.
    return None if type(step) is not int or later > [step] else step


def best_step(folder: pathlib.Path) -> Optional[int]:
    """The step that was best on the validation images; None without such scores.

    Raises:
        Damaged: if `metrics.csv` is.
    """
    best = best_row(read_rows(folder))
    return None if best is None else int(best["step"])


def place(folder: pathlib.Path, step: int) -> pathlib.Path:
    """Where the checkpoint of a step is."""
    return manifests.path_of(folder / "checkpoints", step)


def is_whole(folder: pathlib.Path, step: int) -> bool:
    """Whether the checkpoint of a step is there, as it was written."""
    return manifests.read(place(folder, step)) is not None


def damage(folder: pathlib.Path, step: int) -> digests.Damaged:
    """What is said of the checkpoint of a step that is not whole."""
    path = place(folder, step)
    return digests.Damaged(path, *[] if path.exists() else ["it is missing"])


def require(folder: pathlib.Path, snapshot: str) -> None:
    """Refuses a finished run without the checkpoint that its numbers are of.

    Raises:
        Damaged: naming it.
    """
    step = best_step(folder) if snapshot == "best" else last_step(folder)
    if step is not None and not is_whole(folder, step):
        raise damage(folder, step)


def go_back(folder: pathlib.Path, snapshot: str) -> Optional[int]:
    """Makes way for a best checkpoint that is lost, which only training can restore.

    The later checkpoints are removed, so that the training goes on from one before it.

    Args:
        folder: of a run that this process trains.
        snapshot: nothing is done unless this is 'best'.

    Returns:
        The step of the lost checkpoint; None if nothing was done.
    """
    if snapshot != "best" or not digests.is_sound(folder / "metrics.csv"):
        return None
    best = best_step(folder)
    if best is None or is_whole(folder, best):
        return None
    later = [s for s in manifests.steps(folder / "checkpoints") if s >= best]
    for step in later:
        shutil.rmtree(place(folder, step))
    return best if later else None
