"""Manifests of checkpoints, which tell intact checkpoints from damaged ones.

`manifest.json` holds the digest of every other file of the checkpoint, and one of
itself. This module does not import TensorFlow.
"""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any, Dict, List, Optional

from mixdmt_tf import bounds, digests
from mixdmt_tf.files import write_atomically

NAME = "manifest.json"
_NEWER = {"note", "keras"}  # missing in older manifests
_FIELDS = {"step", "split", "sha256", *_NEWER}
# Files of the run's folder that are copied to each checkpoint.
COPIES = ("flags.txt", "split.json", "data.json", "metrics.csv")


def steps(folder: pathlib.Path) -> List[int]:
    """Returns the steps of the checkpoints in a folder, ascending."""
    names = (re.fullmatch(r"step-([0-9]{8,18})", each.name) for each in _in(folder))
    return sorted(int(name[1]) for name in names if name)


def path_of(folder: pathlib.Path, step: int) -> pathlib.Path:
    """Returns the folder of the checkpoint of a step."""
    return folder / f"step-{step:08d}"


def write(
    place: pathlib.Path, step: int, split: Optional[str], note: Any, keras: int
) -> None:
    """Writes the manifest of a checkpoint, after all its other files.

    Args:
        place: the checkpoint's folder.
        step: number of finished steps.
        split: digest of the run's split.
        note: data stored with the checkpoint; must be serializable as JSON.
        keras: major version of Keras that wrote the checkpoint.
    """
    files = {each.name: _digest(each) for each in _in(place)}
    fields = {"step": step, "split": split, "sha256": files}
    fields.update(note=note, keras=keras)
    write_atomically(place / NAME, digests.seal(fields))


def read(place: pathlib.Path) -> Optional[Dict[str, Any]]:
    """Reads the manifest of a checkpoint; None if a file is damaged or missing."""
    try:
        text = bounds.read_text(place / NAME, bounds.TEXT_BYTES)
        found = _unsealed(text)
        held = {each.name: _digest(each) for each in _in(place) if each.name != NAME}
    except (OSError, ValueError, RecursionError):
        return None
    named = path_of(place.parent, found["step"]) == place
    return found if held and named and held == found["sha256"] else None


def newest(folder: pathlib.Path, name: str) -> Optional[pathlib.Path]:
    """Returns the copy of a file in the newest intact checkpoint that has one."""
    for step in reversed(steps(folder)):
        place = path_of(folder, step)
        if (place / name).is_file() and read(place) is not None:
            return place / name
    return None


def _unsealed(text: str) -> Dict[str, Any]:
    """Parses a manifest; those of older versions have no digest of themselves."""
    found = json.loads(text)
    if isinstance(found, dict) and digests.SEAL in found:
        found = digests.unseal(text)
    if not isinstance(found, dict) or not _FIELDS - _NEWER <= set(found) <= _FIELDS:
        raise ValueError("other fields than a manifest has")
    if type(found["step"]) is not int:
        raise ValueError("no step")
    return found


def _in(folder: pathlib.Path) -> List[pathlib.Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _digest(path: pathlib.Path) -> str:
    return bounds.digest(path, bounds.CHECKPOINT_BYTES)
