"""How large files may be that come from users and strangers, all in one place.

What is larger is refused before it is read, or while it is. The bounds are many times
what real files have; they keep a wrong or hostile file from taking all memory.
"""

from __future__ import annotations

import hashlib
import pathlib
from typing import Iterator

SMALL_BYTES = 2**20  # tables of papers; notes such as who works in a folder
FLAGFILE_BYTES = 2**20  # and 16 flagfiles within one another
FLAGFILES_DEEP = 16
TEXT_BYTES = 2**26  # lists of images and names of classes: a million lines; journals
SPLIT_BYTES = 2**28  # ids of ten million images
INDEX_BYTES = 2**31  # of what is known of thirty million files
PSEUDO_LABELS_BYTES = 2**31  # of all arrays of a file, unpacked
JSON_BYTES = 2**30  # COCO's own files have half of it
JSON_PIXELS = 1e6  # a number in it that stands for pixels
CELL_CHARACTERS = 10_000  # of a table that people write
OUTLINE_NUMBERS = 200_000  # of one object in COCO's JSON
RUN_LENGTHS_TEXT = 10_000_000  # characters of compressed run lengths
PIXELS = 50_000_000  # of an image: 150 MB in memory
CHANNELS = 4096  # of an image: hyperspectral cameras have some hundreds
SERVED_PIXELS = {"classification": PIXELS, "segmentation": 4_000_000}
REQUEST_BYTES = 20_000_000  # of the body of a request to a server, by default
REQUEST_IMAGES = 16  # in it, by default
WEIGHTS_BYTES = 2**32  # of a file of weights, and of all its tensors
CHECKPOINT_BYTES = 2**36  # of a file whose digest is taken, a piece at a time
WEIGHTS_HEADER_BYTES = 10**8
TENSOR_DIMENSIONS = 8  # convolutions have four
PICKLE_OPERATIONS = 1_000_000  # a network of a thousand tensors takes 50,000
PICKLE_VALUES = 10**5  # in all dictionaries of a .pth file
PICKLE_DEPTH = 8  # of dictionaries in one another


_PIECE = 2**20


class TooLarge(ValueError):
    """A file is larger than files of its kind can be."""


def read_bytes(path: pathlib.Path, most: int) -> bytes:
    """Reads a file, which may be a pipe or a device, unless it is too large.

    Args:
        path: of the file.
        most: bytes.

    Raises:
        TooLarge: if there are more; little more than that is read.
        OSError: if it cannot be read.
    """
    content = bytearray()
    for piece in pieces(path, most):
        content += piece
    return bytes(content)


def pieces(path: pathlib.Path, most: int) -> Iterator[bytes]:
    """As `read_bytes`, a piece at a time, for files that need not be in memory."""
    length = 0
    with path.open("rb") as file:
        # Python takes the memory that it is asked for before it reads.
        for piece in iter(lambda: file.read(_PIECE), b""):
            length += len(piece)
            if length > most:
                raise TooLarge(f"larger than {most:,} bytes")
            yield piece


def digest(path: pathlib.Path, most: int) -> str:
    """The SHA-256 of a file in hexadecimal, under the same conditions."""
    found = hashlib.sha256()
    for piece in pieces(path, most):
        found.update(piece)
    return found.hexdigest()


def read_text(path: pathlib.Path, most: int) -> str:
    """As `read_bytes`, of a file in UTF-8.

    Raises:
        UnicodeDecodeError: a ValueError, as `TooLarge` is, if it is something else.
    """
    return read_bytes(path, most).decode("utf-8")
