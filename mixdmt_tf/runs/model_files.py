"""The files beside an exported SavedModel; read without TensorFlow."""

from __future__ import annotations

import json
import pathlib
from typing import Any, List

from mixdmt_tf import bounds, digests
from mixdmt_tf.errors import UserError

CLASSES = "classes.json"  # names of the classes
COLOURS = "colours.json"  # colours of the classes in label maps; segmentation only
SHAPE = "shape.json"  # the network's input shape (H, W, C); H, W are null for any size
# A list of the number of channels, for images that are no photographs: as in training,
# they have that many channels and are not rotated according to EXIF data.
BANDS = "bands.json"
AGAIN = "Export the model again: bin/export_model --workdir=RUN"


def note_digests(folder: pathlib.Path) -> None:
    """Records the digests of all files of a model that was just written."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    names = (path.relative_to(folder).as_posix() for path in paths)
    digests.adopt(folder, [name for name in names if name != digests.NAME])


def require_model(folder: pathlib.Path) -> None:
    """Checks that a folder holds an undamaged exported model.

    Models of older versions have no digests and are accepted unchecked.

    Raises:
        UserError: if a file is missing or damaged.
    """
    if not (folder / "saved_model.pb").is_file():
        raise UserError(
            f"{folder} holds no SavedModel.\nExpected the folder that training or "
            "bin/export_model wrote."
        )
    try:
        changed = digests.changed(folder)
    except digests.Damaged as error:
        raise _refusal(folder / digests.NAME, f"is damaged: {error.how}") from error
    except OSError as error:
        raise _refusal(folder, f"can't be read: {error.strerror}") from error
    if changed:
        place = folder / changed[0]
        how = "it was changed since the export" if place.exists() else "it is missing"
        own = f"is damaged: {how} (if on purpose, delete {digests.NAME})"
        raise _refusal(place, own)
    for name in (CLASSES, SHAPE):
        read(folder, name)


def _refusal(place: pathlib.Path, problem: str) -> UserError:
    return UserError(f"{place} {problem}.\n{AGAIN}")


def read(folder: pathlib.Path, name: str) -> List[Any]:
    """Reads the list in one of the files.

    Raises:
        UserError: if the file is missing or malformed.
    """
    try:
        found = json.loads(bounds.read_bytes(folder / name, bounds.TEXT_BYTES))
        if not isinstance(found, list) or not found:
            raise ValueError("expected a list")
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{folder / name} can't be read: {reason}.\n{AGAIN}") from error
    return found
