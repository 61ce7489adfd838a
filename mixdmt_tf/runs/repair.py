"""Damaged files of a run folder, put back before a training goes on.

What a file says is in the newest checkpoint, or follows from the run itself: the
training can go on as long as one checkpoint is intact. Commands that only read a run
folder change nothing there and refuse what is damaged.
"""

from __future__ import annotations

import pathlib
from typing import Callable, Optional

from mixdmt_tf import bounds, digests
from mixdmt_tf.runs import manifests

# Written again by the run itself, whatever they held.
_REBUILT = ("results.json", "data.json", "checked.json", "rounds.csv")
_ALL = (*manifests.COPIES, *_REBUILT)


def intact(folder: pathlib.Path, name: str, own: bool) -> Optional[str]:
    """What a file of a run folder said when it was written.

    Args:
        folder: the run's.
        name: of one of the files that checkpoints have copies of.
        own: whether its checkpoints are its own. A run in rounds has those of a stage.

    Returns:
        Its text, or that of the newest checkpoint's copy; None if there is neither.
    """
    try:
        return digests.read(folder / name)
    except (OSError, ValueError):
        return None
    except digests.Damaged:
        copy = _copy(folder, name, own)
        return bounds.read_text(copy, bounds.JSON_BYTES) if copy else None


def damaged(folder: pathlib.Path) -> bool:
    """Whether something in a run folder does not hold what was written."""
    try:
        return any(digests.is_damaged(folder / name) for name in _ALL)
    except digests.Damaged:
        return True


def _copy(folder: pathlib.Path, name: str, own: bool) -> Optional[pathlib.Path]:
    """The copy in the newest intact checkpoint, if it is of this very run."""
    if name in ("flags.txt", "split.json") and not own:
        return None
    return manifests.newest(folder / "checkpoints", name)


def repair(
    folder: pathlib.Path, flags: str, own: bool, say: Callable[[str], None]
) -> None:
    """Puts back what is damaged, as far as that can be known.

    Args:
        folder: of a run, locked by this process.
        flags: what `flags.txt` will hold.
        own: as for `intact`.
        say: receives a sentence for each damaged file.
    """
    if not (folder / digests.NAME).exists():
        if (folder / "split.json").exists():  # an older version has been at work
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
    """Puts one file back, and says how."""
    path = folder / name
    if name == "results.json" and not path.exists():  # that is how to ask for it
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
