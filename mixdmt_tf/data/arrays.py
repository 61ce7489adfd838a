"""Arrays in `.npz` files, read within bounds and without unpickling anything."""

from __future__ import annotations

import io
import pathlib
import zipfile
from typing import Dict, Iterator, Tuple

import numpy as np

from mixdmt_tf import bounds


def read(path: pathlib.Path, most: int) -> Dict[str, np.ndarray]:
    """All arrays of a file.

    Args:
        path: of the file.
        most: bytes of the file, and of all arrays together.

    Raises:
        OSError, ValueError, zipfile.BadZipFile and what else `files.DAMAGES` has: if
            the file is missing, too large, or no file of arrays.
    """
    return dict(one_by_one(path, most))


def one_by_one(path: pathlib.Path, most: int) -> Iterator[Tuple[str, np.ndarray]]:
    """As `read`, each array with its name; no two need to be in memory together."""
    # From memory, since NumPy leaves a file open that turns out to be no archive.
    content = bounds.read_bytes(path, most)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(member.file_size for member in archive.infolist()) > most:
            raise bounds.TooLarge(f"arrays of more than {most:,} bytes")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            for name in file.files:
                yield name, file[name]
    except MemoryError:  # a header may claim any shape
        raise bounds.TooLarge("an array larger than its file") from None
