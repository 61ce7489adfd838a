"""Images in files on disk that are read on access.

Used for augmented copies (`precomputed.py`) and decoded images (`decoded.py`, and large
sets of TensorFlow Datasets). `shard_files.py` writes the files.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import resource
import weakref
from typing import List, Optional, Tuple

import numpy as np

from mixdmt_tf.data.lazy_images import LazyImages
from mixdmt_tf.data.shard_files import (
    SHARD_BYTES,
    Fill,
    Report,
    ShardFiles,
    Words,
    missing_bytes,
    rows_per_file,
    shards_in,
    takes,
)
from mixdmt_tf.errors import UserError

__all__ = [
    "SHARD_BYTES",
    "Fill",
    "Report",
    "Shards",
    "Words",
    "missing_bytes",
    "rows_per_file",
    "shards_in",
    "takes",
]


_FEW = 64  # number of files that a process can open without raising its limit


class Shards(LazyImages):
    """Images in files `shard-<index>-<sha256>.u8`.

    Opening checks every digest and makes missing or damaged files. Only the requested
    images are in memory. Files are not memory-mapped, because mapped pages would count
    as memory of the process.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        shape: Tuple[int, int, int, int],
        fill: Fill,
        words: Words,
        report: Optional[Report] = None,
        shard_bytes: int = SHARD_BYTES,
        threads: Optional[int] = None,
    ):
        """Checks the existing files and makes the missing ones.

        Args:
            folder: folder of these images only, made if missing.
            shape: (N, H, W, C) of all images.
            fill: function that makes images; called from several threads.
            words: words for messages.
            report: called with (done, total) after each file.
            shard_bytes: size of a file, rounded to whole images.
            threads: number of files to make in parallel; None: one per processor.

        Raises:
            UserError: if the folder cannot be written or has no room.
        """
        super().__init__(shape)
        files = ShardFiles(folder, shape, words, shard_bytes)
        self.folder, self.size, self.rows = folder, files.size, files.rows
        self._files: List[int] = []
        weakref.finalize(self, _close, self._files)
        with files.explained():
            intact = files.complete(fill, report, threads)
            _let_open(files.number)
            for shard in range(files.number):
                self._files.append(os.open(intact[shard], os.O_RDONLY))

    def read(self, ids: np.ndarray) -> np.ndarray:
        """See `LazyImages.read`."""
        images = np.empty((len(ids), self.size), np.uint8)
        for row, number in zip(images, ids.tolist()):
            shard, place = divmod(number, self.rows)
            if not 0 <= number < len(self):
                raise IndexError(f"image {number} of {len(self)}")
            pixels = os.pread(self._files[shard], self.size, place * self.size)
            if len(pixels) != self.size:
                raise UserError(
                    f"{self.folder} was changed while it was read.\n"
                    "Run the command again: missing files are made again."
                )
            row[:] = np.frombuffer(pixels, np.uint8)
        return images.reshape((-1, *self.shape[1:]))


def _let_open(number: int) -> None:
    """Raises the limit of open files by `number`, as far as the system allows.

    The default limit of many systems is 1,024, which 64 GB of images reach.
    """
    usual, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = usual + number
    if usual != resource.RLIM_INFINITY and number > _FEW:
        if most != resource.RLIM_INFINITY:
            wanted = min(wanted, most)
        with contextlib.suppress(OSError, ValueError):  # opening files will report it
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _close(files: List[int]) -> None:
    for file in files:
        os.close(file)
