"""What lies beside an exported SavedModel; read without TensorFlow."""

from __future__ import annotations

import json
import pathlib
from typing import Any, List

from mixdmt_tf import bounds, digests
from mixdmt_tf.errors import UserError

CLASSES = "classes.json"  # names of the classes
COLOURS = "colours.json"  # of the classes in label maps, of segmentation only
SHAPE = "shape.json"  # (H, W, C) within the network; H and W are null for any
AGAIN = "Export the model again: bin/export_model --workdir=RUN"


def note_digests(folder: pathlib.Path) -> None:
    """Notes the digests of all files of a model that was just written."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    names = (path.relative_to(folder).as_posix() for path in paths)
    digests.adopt(folder, [name for name in names if name != digests.NAME])


def require_model(folder: pathlib.Path) -> None:
    """Makes sure that a folder is an exported model, as it was written.

    Models of older versions have no digests, and are taken as they are.

    Raises:
        UserError: saying what is missing or damaged.
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
    """The list in one of the files.

    Raises:
        UserError: if it is missing or holds something else.
    """
    try:
        found = json.loads(bounds.read_bytes(folder / name, bounds.TEXT_BYTES))
        if not isinstance(found, list) or not found:
            raise ValueError("expected a list")
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{folder / name} can't be read: {reason}.\n{AGAIN}") from error
    return found
