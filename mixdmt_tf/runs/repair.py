"""Repairs damaged files of a run folder before training resumes.

The content of each file is in the newest checkpoint or follows from the run itself, so
training can resume as long as one checkpoint is intact. Commands that only read a run
folder change nothing there and refuse damaged files.
"""

from __future__ import annotations

import pathlib
from typing import Callable, Optional

from mixdmt_tf import bounds, digests
from mixdmt_tf.runs import manifests

# Files that the run itself writes again.
_REBUILT = ("results.json", "data.json", "checked.json", "rounds.csv")
_ALL = (*manifests.COPIES, *_REBUILT)


def intact(folder: pathlib.Path, name: str, own: bool) -> Optional[str]:
    """Returns the text of a file of a run folder, undamaged.

    Args:
        folder: the run's folder.
        name: name of one of the files that checkpoints have copies of.
        own: whether the folder's checkpoints belong to this run. Those of a run in
            rounds belong to a stage.

    Returns:
        The text of the file, or of the newest checkpoint's copy if the file is damaged;
        None if there is neither.
    """
    try:
        return digests.read(folder / name)
    except (OSError, ValueError):
        return None
    except digests.Damaged:
        copy = _copy(folder, name, own)
        return bounds.read_text(copy, bounds.JSON_BYTES) if copy else None


def damaged(folder: pathlib.Path) -> bool:
    """Whether a file of a run folder is damaged."""
    try:
        return any(digests.is_damaged(folder / name) for name in _ALL)
    except digests.Damaged:
        return True


def _copy(folder: pathlib.Path, name: str, own: bool) -> Optional[pathlib.Path]:
    """Returns the copy in the newest intact checkpoint, if it is of this run."""
    if name in ("flags.txt", "split.json") and not own:
        return None
    return manifests.newest(folder / "checkpoints", name)


def repair(
    folder: pathlib.Path, flags: str, own: bool, say: Callable[[str], None]
) -> None:
    """Repairs damaged files as far as possible.

    Args:
        folder: the run's folder, locked by this process.
        flags: the future content of `flags.txt`.
        own: as for `intact`.
        say: receives a message for each damaged file.
    """
    if not (folder / digests.NAME).exists():
        if (folder / "split.json").exists():  # written by an older version
            say(
                f"{folder} has no digests of its files: they are taken as they are, "
                "and noted from now on"
            )
            digests.adopt(folder, _ALL)
        return
    try:
        digests.known(folder)
    except digests.Damaged:
        say(f"{folder / digests.NAME} is damaged: other files are taken as they are")
        digests.adopt(folder, _ALL)
    for name in _ALL:
        if digests.is_damaged(folder / name):
            say(_put_back(folder, name, flags, own))


def _put_back(folder: pathlib.Path, name: str, flags: str, own: bool) -> str:
    """Repairs one file and returns a message about it."""
    path = folder / name
    if name == "results.json" and not path.exists():  # deleted, to be written again
        digests.forget(path)
        return f"{path} is written again"
    copy = _copy(folder, name, own)
    if name == "flags.txt" and digests.accepts(path, flags):
        digests.write(path, flags)
        return f"{path} was damaged: it is as the command says again"
    if copy is not None:
        digests.write(path, bounds.read_text(copy, bounds.JSON_BYTES))
        return f"{path} was damaged: it is that of {copy.parent.name} again"
    if name in _REBUILT:
        digests.forget(path)
        return f"{path} was damaged: it is written again"
    if name == "metrics.csv":
        digests.forget(path)
        return f"{path} was damaged: its evaluations are lost"
    return f"{path} is damaged"
