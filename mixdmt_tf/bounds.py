"""Upper bounds for the sizes of files from users and third parties.

Larger files are refused before or while they are read. The bounds are many times the
sizes of real files; they keep a wrong or hostile file from using up all memory.
"""

from __future__ import annotations

import hashlib
import pathlib
from typing import Iterator

SMALL_BYTES = 2**20  # tables of papers; notes such as a folder's owner
FLAGFILE_BYTES = 2**20  # and at most 16 nested flagfiles
FLAGFILES_DEEP = 16
TEXT_BYTES = 2**26  # lists of images and names of classes: a million lines; journals
SPLIT_BYTES = 2**28  # ids of ten million images
INDEX_BYTES = 2**31  # an index of thirty million files
PSEUDO_LABELS_BYTES = 2**31  # of all arrays of a file, unpacked
JSON_BYTES = 2**30  # COCO's own files have half of that
JSON_PIXELS = 1e6  # largest number of pixels in JSON
CELL_CHARACTERS = 10_000  # in a cell of a hand-written table
OUTLINE_NUMBERS = 200_000  # of one object in COCO's JSON
RUN_LENGTHS_TEXT = 10_000_000  # characters of compressed run lengths
PIXELS = 50_000_000  # of an image: 150 MB in memory
CHANNELS = 4096  # of an image: hyperspectral cameras have some hundreds
SERVED_PIXELS = {"classification": PIXELS, "segmentation": 4_000_000}
REQUEST_BYTES = 20_000_000  # of the body of a request to a server, by default
REQUEST_IMAGES = 16  # in a request, by default
WEIGHTS_BYTES = 2**32  # of a file of weights, and of all its tensors
CHECKPOINT_BYTES = 2**36  # of a file that is hashed, a piece at a time
WEIGHTS_HEADER_BYTES = 10**8
TENSOR_DIMENSIONS = 8  # convolutions have four
PICKLE_OPERATIONS = 1_000_000  # a network of a thousand tensors takes 50,000
PICKLE_VALUES = 10**5  # in all dictionaries of a .pth file
PICKLE_DEPTH = 8  # of nested dictionaries


_PIECE = 2**20


class TooLarge(ValueError):
    """A file is larger than files of its kind may be."""


def read_bytes(path: pathlib.Path, most: int) -> bytes:
    """Reads a file, which may be a pipe or a device, unless it is too large.

    Args:
        path: of the file.
        most: largest allowed number of bytes.

    Raises:
        TooLarge: if the file has more bytes; reading stops soon after `most` bytes.
        OSError: if it cannot be read.
    """
    content = bytearray()
    for piece in pieces(path, most):
        content += piece
    return bytes(content)


def pieces(path: pathlib.Path, most: int) -> Iterator[bytes]:
    """Yields the content of a file in pieces, with the checks of `read_bytes`."""
    length = 0
    with path.open("rb") as file:
        # `read(n)` allocates n bytes before it reads, so n is kept small.
        for piece in iter(lambda: file.read(_PIECE), b""):
            length += len(piece)
            if length > most:
                raise TooLarge(f"larger than {most:,} bytes")
            yield piece


def digest(path: pathlib.Path, most: int) -> str:
    """Returns a file's SHA-256 in hexadecimal, with the checks of `read_bytes`."""
    found = hashlib.sha256()
    for piece in pieces(path, most):
        found.update(piece)
    return found.hexdigest()


def read_text(path: pathlib.Path, most: int) -> str:
    """Reads a file in UTF-8, with the checks of `read_bytes`.

    Raises:
        UnicodeDecodeError: if it is not UTF-8; a ValueError, as `TooLarge` is.
    """
    return read_bytes(path, most).decode("utf-8")
