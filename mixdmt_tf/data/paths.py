"""Compact list of the paths of many files.

It takes little more memory than the names. A `pathlib.Path` takes half a kilobyte, so
a million of them would take more memory than the work that is done with them.
"""

from __future__ import annotations

import array
import os
import pathlib
from typing import Any, Iterable, List, Sequence

import numpy as np


class Paths(Sequence[pathlib.Path]):
    """Paths below a folder; `pathlib.Path` objects are made on access.

    Attributes:
        root: the folder.
    """

    def __init__(self, root: pathlib.Path, names: Iterable[str] = ()):
        """Stores the names.

        Args:
            root: the folder.
            names: names of the files, relative to the folder.
        """
        self.root = root
        self._text, self._ends = bytearray(), array.array("q")
        for name in names:
            self.append(name)

    def append(self, name: str) -> None:
        """Adds a path, relative to the folder."""
        self._text += os.fsencode(name)
        self._ends.append(len(self._text))

    def extend(self, others: Paths) -> None:
        """Adds paths below the same folder."""
        before = len(self._text)
        self._text += others._text
        self._ends.extend(before + end for end in others._ends)

    def name(self, row: int) -> str:
        """Returns the path of a row, relative to the folder."""
        row = range(len(self))[row]
        start = self._ends[row - 1] if row else 0
        return os.fsdecode(bytes(self._text[start : self._ends[row]]))

    @property
    def text(self) -> np.ndarray:
        """All names concatenated, uint8; no path may be added afterwards."""
        return np.frombuffer(self._text, np.uint8)

    @property
    def ends(self) -> np.ndarray:
        """Where each name ends, int64 [N]; no path may be added afterwards."""
        return np.frombuffer(self._ends, np.int64)

    def __len__(self) -> int:
        """Number of paths."""
        return len(self._ends)

    def __getitem__(self, which: Any) -> Any:
        """Returns a path by its number, or a list of paths by a slice."""
        if isinstance(which, slice):
            found: List[pathlib.Path] = [
                self.root / self.name(row) for row in range(len(self))[which]
            ]
            return found
        return self.root / self.name(which)
