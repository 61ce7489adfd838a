"""Ownership of a run folder that several machines may share.

The lock on `.lock` is released when its process ends, however it ends, but other
machines may not see it. So the folder also has a lease (`leases.py`), in `.owner.json`.
"""

from __future__ import annotations

import pathlib
from typing import Callable, Dict

from mixdmt_tf import bounds, files, leases

NAME = ".owner.json"
# NFS may show a cached directory entry for up to a minute (acdirmax in nfs(5)).
TIMING = leases.Timing(beat=10.0, watch=90.0)

_owners: Dict[pathlib.Path, "Owner"] = {}  # of this process


class Owner(leases.Lease):
    """This process as the owner of a folder."""

    def __init__(self, folder: pathlib.Path, say: Callable[[str], None] = print):
        """Creates the lease; `take` acquires it.

        Args:
            folder: the folder to own.
            say: receives a message if there is something to wait for.
        """
        super().__init__(_Folder(folder), NAME, str(folder), TIMING, say)
        self._folder = folder

    def take(self, alone_here: bool = False) -> None:
        """Acquires the lease and registers the folder for `require`."""
        super().take(alone_here)
        _owners[self._folder] = self

    def release(self) -> None:
        """Releases the lease if this process still holds it."""
        if _owners.get(self._folder) is self:
            del _owners[self._folder]
        super().release()


class _Folder:
    """A folder as the storage of a lease."""

    def __init__(self, path: pathlib.Path):
        self._path = path

    def read(self, name: str) -> bytes:
        return bounds.read_bytes(self._path / name, bounds.SMALL_BYTES)

    def write(self, name: str, content: bytes) -> None:
        files.write_bytes_atomically(self._path / name, content)

    def remove(self, name: str) -> None:
        (self._path / name).unlink(missing_ok=True)


def require(folder: pathlib.Path) -> None:
    """Checks that this process still owns a folder that it has taken.

    Args:
        folder: a folder that was taken, or one below it.

    Raises:
        InUse: if another process has taken it over; the message names it.
    """
    for each in (folder, *folder.parents):
        if each in _owners:
            _owners[each].require()
