"""Path, size and modification time that identify files, compactly for millions."""

from __future__ import annotations

import array
import hashlib
import io
import os
import pathlib
from typing import List, Sequence

import numpy as np

from mixdmt_tf import bounds
from mixdmt_tf.data import arrays
from mixdmt_tf.data.paths import Paths
from mixdmt_tf.files import write_bytes_atomically

_DIGEST = 16  # bytes; enough that no two of 2**40 files share a digest by chance


class FileFacts:
    """Facts of N files, about 60 bytes each.

    Attributes:
        text: uint8, paths relative to a folder, concatenated without separator.
        ends: int64 [N], where each path ends in `text`.
        sizes: int64 [N], sizes in bytes.
        times: int64 [N], modification times in nanoseconds.
    """

    def __init__(
        self, text: np.ndarray, ends: np.ndarray, sizes: np.ndarray, times: np.ndarray
    ):
        """Stores the arrays.

        Raises:
            ValueError: if their lengths don't fit together.
        """
        self.text, self.ends, self.sizes, self.times = text, ends, sizes, times
        for each in (ends, sizes, times):
            if each.dtype != np.int64 or each.shape != ends.shape or each.ndim != 1:
                raise ValueError("expected numbers of as many files")
        lengths = np.diff(ends, prepend=0)
        if text.dtype != np.uint8 or lengths.sum() != text.size or (lengths < 0).any():
            raise ValueError("expected the text of all paths")

    @classmethod
    def of(cls, paths: Sequence[pathlib.Path], root: pathlib.Path) -> FileFacts:
        """Returns the current facts of files; of a missing file only the path.

        Args:
            paths: paths of the files.
            root: folder that contains the files.
        """
        if not (isinstance(paths, Paths) and paths.root == root):
            paths = Paths(root, (os.path.relpath(path, root) for path in paths))
        sizes, times = array.array("q"), array.array("q")
        folder, text, start = os.fsencode(root), memoryview(paths.text), 0
        for end in paths.ends.tolist():
            try:
                found = os.stat(os.path.join(folder, bytes(text[start:end])))
                sizes.append(found.st_size)
                times.append(found.st_mtime_ns)
            except OSError:
                sizes.append(0)
                times.append(0)
            start = end
        facts = (np.frombuffer(each, np.int64) for each in (sizes, times))
        return cls(paths.text, paths.ends, *facts)

    @classmethod
    def none(cls) -> FileFacts:
        """Returns facts of no files."""
        return cls(np.zeros(0, np.uint8), *np.zeros((3, 0), np.int64))

    def __len__(self) -> int:
        """Number of files."""
        return len(self.ends)

    def path(self, row: int) -> str:
        """Returns the path of a file, relative to the folder."""
        start = self.ends[row - 1] if row else 0
        return os.fsdecode(self.text[start : self.ends[row]].tobytes())

    def take(self, rows: np.ndarray) -> FileFacts:
        """Returns the facts of some files, by their rows, int64 [n]."""
        names = [self.text[self.ends[r - 1] if r else 0 : self.ends[r]] for r in rows]
        ends = np.cumsum([len(name) for name in names], dtype=np.int64)
        text = np.concatenate([*names, np.zeros(0, np.uint8)])
        return FileFacts(text, ends, self.sizes[rows], self.times[rows])

    def joined(self, others: FileFacts) -> FileFacts:
        """Returns the facts of these files followed by those of others."""
        return FileFacts(
            np.concatenate([self.text, others.text]),
            np.concatenate([self.ends, len(self.text) + others.ends]),
            np.concatenate([self.sizes, others.sizes]),
            np.concatenate([self.times, others.times]),
        )

    def places(self, wanted: FileFacts) -> np.ndarray:
        """Finds the rows of files with equal facts.

        Args:
            wanted: facts of M files.

        Returns:
            int64 [M], rows; -1 where a file is missing or its size or time differs.
        """
        if self._equals(wanted):  # the usual case
            return np.arange(len(self))
        known = self.digests()
        order = np.argsort(known, kind="stable")
        found = np.full(len(wanted), -1, np.int64)
        if len(known):
            digests = wanted.digests()
            at = np.searchsorted(known, digests, sorter=order)
            rows = order[np.minimum(at, len(known) - 1)]
            same = known[rows] == digests
            found[same] = rows[same]
        return found

    def differing(self, others: FileFacts, first: int) -> List[int]:
        """Returns rows whose size or time differs from that of others, from `first`."""
        rows = slice(first, first + len(self))
        same = (self.sizes == others.sizes[rows]) & (self.times == others.times[rows])
        return np.flatnonzero(~same).tolist()

    def _equals(self, other: FileFacts) -> bool:
        names = ("text", "ends", "sizes", "times")
        return all(np.array_equal(getattr(self, n), getattr(other, n)) for n in names)

    def digests(self) -> np.ndarray:
        """Returns a digest of each file's facts, bytes [N]."""
        numbers = np.stack([self.sizes, self.times], 1).astype("<i8").tobytes()
        text, start = self.text.tobytes(), 0
        found = bytearray()
        for row, end in enumerate(self.ends.tolist()):
            facts = numbers[16 * row : 16 * row + 16] + text[start:end]
            found += hashlib.blake2b(facts, digest_size=_DIGEST).digest()
            start = end
        return np.frombuffer(found, f"S{_DIGEST}")

    def write(self, path: pathlib.Path) -> None:
        """Writes the facts to a file, atomically."""
        content = io.BytesIO()
        np.savez_compressed(
            content, text=self.text, ends=self.ends, sizes=self.sizes, times=self.times
        )
        write_bytes_atomically(path, content.getvalue())

    @classmethod
    def read(cls, path: pathlib.Path, like: FileFacts) -> FileFacts:
        """Reads facts written by `write`.

        Args:
            path: path of the file.
            like: facts that are probably equal; if they are, the arrays are shared.

        Raises:
            OSError, ValueError and other exceptions of `files.DAMAGES`: if the file is
                missing or damaged.
        """
        found = {}
        for name, each in arrays.one_by_one(path, bounds.INDEX_BYTES):
            same = getattr(like, name)
            found[name] = same if np.array_equal(each, same) else each
        return cls(**found)
