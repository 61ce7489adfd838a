"""Arrays in `.npz` files, read within bounds and without unpickling anything."""

from __future__ import annotations

import io
import pathlib
import zipfile
from typing import Dict

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
    # From memory, since NumPy leaves a file open that turns out to be no archive.
    content = bounds.read_bytes(path, most)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(member.file_size for member in archive.infolist()) > most:
            raise bounds.TooLarge(f"arrays of more than {most:,} bytes")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except MemoryError:  # a header may claim any shape
        raise bounds.TooLarge("an array larger than its file") from None
