"""What is wrong with images of a shard, in a file with a digest of itself.

An image that is not named there counts as sound, so that a changed file is none.
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
    """Writes problems by number of the image."""
    named = {str(number): what for number, what in problems.items()}
    write_atomically(path, digests.seal({_FIELD: named}))


def read(path: pathlib.Path, images: range) -> Optional[Problems]:
    """The problems of a file by number of the image.

    Args:
        path: of the file.
        images: numbers that there are.

    Returns:
        None if the file is missing or does not hold what was written.
    """
    try:
        text = bounds.read_text(path, bounds.SPLIT_BYTES)
        found = json.loads(text)
        # Those of older versions have nothing but numbers, and no digest.
        named = digests.unseal(text)[_FIELD] if _FIELD in found else found
        problems = {int(number): str(what) for number, what in named.items()}
    except (*DAMAGES, RecursionError):
        return None
    return problems if all(number in images for number in problems) else None
