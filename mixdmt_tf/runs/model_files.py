"""What lies beside an exported SavedModel; read without TensorFlow."""

from __future__ import annotations

import json
import pathlib
from typing import Any, List

from mixdmt_tf import bounds
from mixdmt_tf.errors import UserError

CLASSES = "classes.json"  # names of the classes
COLOURS = "colours.json"  # of the classes in label maps, of segmentation only
SHAPE = "shape.json"  # (H, W, C) within the network; H and W are null for any


def require_model(folder: pathlib.Path) -> None:
    """Makes sure that a folder looks like an exported model.

    Raises:
        UserError: saying what is missing.
    """
    if not (folder / "saved_model.pb").is_file():
        raise UserError(
            f"{folder} holds no SavedModel.\nExpected the folder that training or "
            "bin/export_model wrote."
        )
    for name in (CLASSES, SHAPE):
        read(folder, name)


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
        raise UserError(
            f"{folder / name} can't be read: {reason}.\nExport the model again: "
            "bin/export_model --workdir=RUN"
        ) from error
    return found
