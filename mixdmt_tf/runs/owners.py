"""Who trains in a run folder that several machines may see.

The lock on `.lock` ends with its process, however it ends, but may be of one machine
alone. So the folder has a lease besides (`leases.py`), in `.owner.json`.
"""

from __future__ import annotations

import pathlib
from typing import Callable, Dict

from mixdmt_tf import bounds, files, leases

NAME = ".owner.json"
# NFS shows a name that was looked up for up to a minute as it was (acdirmax in nfs(5)).
TIMING = leases.Timing(beat=10.0, watch=90.0)

_owners: Dict[pathlib.Path, "Owner"] = {}  # of this process


class Owner(leases.Lease):
    """This process as the owner of a folder."""

    def __init__(self, folder: pathlib.Path, say: Callable[[str], None] = print):
        """Touches nothing yet.

        Args:
            folder: to own.
            say: receives a sentence if there is something to wait for.
        """
        super().__init__(_Folder(folder), NAME, str(folder), TIMING, say)
        self._folder = folder

    def take(self, alone_here: bool = False) -> None:
        """As of any lease; `require` knows the folder from now on."""
        super().take(alone_here)
        _owners[self._folder] = self

    def release(self) -> None:
        """Lets others take it, if it is still ours."""
        if _owners.get(self._folder) is self:
            del _owners[self._folder]
        super().release()


class _Folder:
    """A folder as the place of a lease."""

    def __init__(self, path: pathlib.Path):
        self._path = path

    def read(self, name: str) -> bytes:
        return bounds.read_bytes(self._path / name, bounds.SMALL_BYTES)

    def write(self, name: str, content: bytes) -> None:
        files.write_bytes_atomically(self._path / name, content)

    def remove(self, name: str) -> None:
        (self._path / name).unlink(missing_ok=True)


def require(folder: pathlib.Path) -> None:
    """Makes sure that what this process has taken of a folder is still its own.

    Args:
        folder: taken itself, or below one that is.

    Raises:
        InUse: naming the process that has taken it over.
    """
    for each in (folder, *folder.parents):
        if each in _owners:
            _owners[each].require()
