"""Checks whether a run is finished and has the checkpoint of its results.

Training can resume from an older checkpoint, but commands that use the trained weights
need the one whose scores are in `results.json`.
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
    """Whether the training of a run without rounds is complete.

    Args:
        folder: the run's folder; it may be missing.
        steps: number of training steps of the run.
        snapshot: 'best' if the checkpoint that is best on validation is also needed.
    """
    if repair.damaged(folder):  # the training command repairs it
        return False
    found = read_results(folder)
    if found is None or found.get("steps") != steps or not is_whole(folder, steps):
        return False
    best = best_step(folder) if snapshot == "best" else None
    return best is None or is_whole(folder, best)


def last_step(folder: pathlib.Path) -> Optional[int]:
    """Returns the last step of a finished run; None if it is not finished.

    Raises:
        Damaged: if `results.json` or `metrics.csv` is damaged.
    """
    found = read_results(folder)
    if found is None:
        return None
    step = found.get("steps")
    if "result_of" in found:  # a run in rounds: `steps` is the sum over all stages
        rows = read_rows(folder)
        step = int(rows[-1]["step"]) if rows else None
    present = place(folder, 0).parent
    later = manifests.steps(present)[-1:]
    # With a later checkpoint the run was prolonged, and the results are older.
    return None if type(step) is not int or later > [step] else step


def best_step(folder: pathlib.Path) -> Optional[int]:
    """Returns the step that was best on validation; None without validation scores.

    Raises:
        Damaged: if `metrics.csv` is damaged.
    """
    best = best_row(read_rows(folder))
    return None if best is None else int(best["step"])


def place(folder: pathlib.Path, step: int) -> pathlib.Path:
    """Returns the folder of the checkpoint of a step."""
    return manifests.path_of(folder / "checkpoints", step)


def is_whole(folder: pathlib.Path, step: int) -> bool:
    """Whether the checkpoint of a step exists and is undamaged."""
    return manifests.read(place(folder, step)) is not None


def damage(folder: pathlib.Path, step: int) -> digests.Damaged:
    """Returns the error for a checkpoint that is damaged or missing."""
    path = place(folder, step)
    return digests.Damaged(path, *[] if path.exists() else ["it is missing"])


def require(folder: pathlib.Path, snapshot: str) -> None:
    """Checks that a finished run has the checkpoint of its results.

    Raises:
        Damaged: if the checkpoint is damaged or missing.
    """
    step = best_step(folder) if snapshot == "best" else last_step(folder)
    if step is not None and not is_whole(folder, step):
        raise damage(folder, step)


def go_back(folder: pathlib.Path, snapshot: str) -> Optional[int]:
    """Prepares to train a lost best checkpoint again.

    Removes the later checkpoints, so that training resumes from one before it.

    Args:
        folder: folder of a run that this process trains.
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
