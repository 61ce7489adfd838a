"""What tells whole checkpoints from damaged ones: `manifest.json` in each.

It has the digest of every other file of the checkpoint, and one of itself. TensorFlow
is not imported here.
"""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any, Dict, List, Optional

from mixdmt_tf import bounds, digests
from mixdmt_tf.files import write_atomically

NAME = "manifest.json"
_NEWER = {"note", "keras"}  # older manifests have none
_FIELDS = {"step", "split", "sha256", *_NEWER}
# The files of a run's folder of which a checkpoint has a copy as of its step.
COPIES = ("flags.txt", "split.json", "data.json", "metrics.csv")


def steps(folder: pathlib.Path) -> List[int]:
    """Steps of the checkpoints in a folder, ascending; other files don't count."""
    names = (re.fullmatch(r"step-([0-9]{8,18})", each.name) for each in _in(folder))
    return sorted(int(name[1]) for name in names if name)


def path_of(folder: pathlib.Path, step: int) -> pathlib.Path:
    """Where the checkpoint of a step is."""
    return folder / f"step-{step:08d}"


def write(
    place: pathlib.Path, step: int, split: Optional[str], note: Any, keras: int
) -> None:
    """Writes the manifest of a checkpoint whose other files are there.

    Args:
        place: the checkpoint's folder.
        step: finished steps.
        split: digest of the run's split.
        note: what JSON can hold and belongs to this state.
        keras: the major version that wrote it.
    """
    files = {each.name: _digest(each) for each in _in(place)}
    fields = {"step": step, "split": split, "sha256": files}
    fields.update(note=note, keras=keras)
    write_atomically(place / NAME, digests.seal(fields))


def read(place: pathlib.Path) -> Optional[Dict[str, Any]]:
    """The manifest of a checkpoint; None unless every file is as it was written."""
    try:
        text = bounds.read_text(place / NAME, bounds.TEXT_BYTES)
        found = _unsealed(text)
        held = {each.name: _digest(each) for each in _in(place) if each.name != NAME}
    except (OSError, ValueError, RecursionError):
        return None
    named = path_of(place.parent, found["step"]) == place
    return found if held and named and held == found["sha256"] else None


def newest(folder: pathlib.Path, name: str) -> Optional[pathlib.Path]:
    """The newest intact checkpoint that has a copy of a file; its copy."""
    for step in reversed(steps(folder)):
        place = path_of(folder, step)
        if (place / name).is_file() and read(place) is not None:
            return place / name
    return None


def _unsealed(text: str) -> Dict[str, Any]:
    """The fields; those of older versions had no digest of themselves."""
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
