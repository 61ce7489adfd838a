"""What a command is about to write, and a disk that is full from a chosen write on.

`Watch.enter` changes the child that is to run the command: each write is noted by its
kind in a file. Kinds are the files that `files.py` writes, by name, and what others
write: checkpoints, TensorBoard's events, shards, exported models.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import os
import pathlib
import re
import sys
from typing import Counter, Iterator, NamedTuple, Optional, Tuple

from tools.torture import phases

CALLS = {
    "a checkpoint": ("runs.checkpoints.Checkpoints._write",),
    "TensorBoard": ("runs.log.Log.log", "runs.log.Log.show_settings"),
    "a shard": ("data.shard_files.ShardFiles._build",),
    "an exported model": ("runs.export.export",),
    "a copied folder": ("rounds.loop.copy_atomically",),
}
FILLER = "filler"


class Watch(NamedTuple):
    """Notes writes, and fills the disk before one.

    Attributes:
        file: where they are noted, on another disk.
        disk: the folder where a small one is mounted.
        aim: a kind, and the number of the write from which on the disk is full.
    """

    file: pathlib.Path
    disk: pathlib.Path
    aim: Optional[Tuple[str, int]] = None

    def enter(self) -> None:
        """Has this process, which has called nothing yet, watched."""
        from mixdmt_tf import files

        counts: Counter[str] = collections.Counter()
        output = os.open(self.file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)

        @contextlib.contextmanager
        def before(kind: str) -> Iterator[None]:
            counts[kind] += 1
            os.write(output, f"{kind}\n".encode())
            if self.aim == (kind, counts[kind]):
                fill(self.disk)
            yield

        for kind, calls in CALLS.items():
            for call in calls:
                phases.wrap(call, functools.partial(before, kind))
        usual = files.write_bytes_atomically

        def write(path: pathlib.Path, content: bytes) -> None:
            with before(kind_of(path)):
                usual(path, content)

        for module in [*sys.modules.values()]:  # most have it under a name of theirs
            for name, value in [*vars(module).items()]:
                if value is usual:
                    setattr(module, name, write)


def kind_of(path: pathlib.Path) -> str:
    """The kind of a file, by its name without numbers."""
    return re.sub(r"\d+", "N", path.name)


def fill(disk: pathlib.Path) -> None:
    """Takes all room of a disk, until `empty`."""
    with (disk / FILLER).open("ab") as file:
        room = os.statvfs(disk)
        taken = os.fstat(file.fileno()).st_size
        free = room.f_bavail * room.f_frsize
        if free:
            os.posix_fallocate(file.fileno(), taken, free)


def empty(disk: pathlib.Path) -> bool:
    """Gives the room back; returns whether it was taken."""
    was_full = (disk / FILLER).exists()
    (disk / FILLER).unlink(missing_ok=True)
    return was_full


def read(file: pathlib.Path) -> Counter[str]:
    """The kinds of what a command wrote, and how often."""
    return collections.Counter(file.read_text().splitlines())
