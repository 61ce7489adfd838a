"""Files that are either there whole or not there."""

from __future__ import annotations

import io
import os
import pathlib
import shutil
import zipfile
import zlib
from typing import Any

# What reading a file raises of which a byte is wrong, or which is something else.
DAMAGES = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


def write_atomically(path: pathlib.Path, text: str) -> None:
    """Writes a text file in UTF-8 as `write_bytes_atomically` does."""
    write_bytes_atomically(path, text.encode("utf-8"))


def write_bytes_atomically(path: pathlib.Path, content: bytes) -> None:
    """Writes a file beside its place, syncs it, and renames it into place."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def write_png_atomically(path: pathlib.Path, pixels: Any) -> None:
    """Writes an image, uint8 [height, width, 3], as `write_bytes_atomically` does."""
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "png")
    write_bytes_atomically(path, content.getvalue())


def copy_atomically(source: pathlib.Path, place: pathlib.Path) -> None:
    """Copies a file or folder beside its place and renames it into place.

    A folder that was there is removed first: for a moment there is none.
    """
    if not source.is_dir():
        write_bytes_atomically(place, source.read_bytes())
        return
    beside = place.with_name(f".{place.name}.tmp")
    shutil.rmtree(beside, ignore_errors=True)  # what a process left that was killed
    try:
        shutil.copytree(source, beside)
        shutil.rmtree(place, ignore_errors=True)
        os.replace(beside, place)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
