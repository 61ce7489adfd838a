"""Files with the problems of the images of a shard, protected by a digest.

Images that are not listed count as sound, so a file with a wrong digest is not used.
"""

from __future__ import annotations

import json
import pathlib
from typing import Optional

from mixdmt_tf import bounds, digests
from mixdmt_tf.data.image_files import Problems
from mixdmt_tf.files import DAMAGES, write_atomically

_FIELD = "problems"


def write(path: pathlib.Path, problems: Problems) -> None:
    """Writes the problems of images by their numbers."""
    named = {str(number): what for number, what in problems.items()}
    write_atomically(path, digests.seal({_FIELD: named}))


def read(path: pathlib.Path, images: range) -> Optional[Problems]:
    """Reads the problems of images by their numbers.

    Args:
        path: path of the file.
        images: valid image numbers.

    Returns:
        The problems, or None if the file is missing or was changed.
    """
    try:
        text = bounds.read_text(path, bounds.SPLIT_BYTES)
        found = json.loads(text)
        # Files of older versions have only the numbers, and no digest.
        named = digests.unseal(text)[_FIELD] if _FIELD in found else found
        problems = {int(number): str(what) for number, what in named.items()}
    except (*DAMAGES, RecursionError):
        return None
    return problems if all(number in images for number in problems) else None
