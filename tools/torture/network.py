"""Files of a folder as a network file system shows them to one of several machines.

`Machine.enter` changes the process that calls it, a child that is to run a command:

- What was looked up, a file, a listing, or that there is none, is seen like that for
  some seconds, whatever other machines do: old content, files that are gone, new ones
  that do not show. What the process itself writes it sees at once.
- A rename takes a while.
- Locks are kept on each machine by itself, as with local_lock=all of NFS.
- The machine has another name, and another clock.

It is done in Python: what TensorFlow reads and writes by itself, that is checkpoints
and events, and files that stay open, are as the disk has them. So a look at the network
is never torn, and a command is not slowed down where it reads pixels.
"""

from __future__ import annotations

import builtins
import fcntl
import io
import os
import pathlib
import platform
import shutil
import socket
import time
from typing import Any, Callable, Dict, NamedTuple, Tuple

Look = Tuple[float, Callable[[], Any]]  # until when, and what is seen


class Machine(NamedTuple):
    """A machine.

    Attributes:
        name: its host name.
        folder: what it shares with others.
        hidden: seconds for which it sees what it saw.
        rename: seconds a rename takes.
        clock: seconds by which its clock is wrong.
        locks: whether locks are those of all machines.
    """

    name: str
    folder: pathlib.Path
    hidden: float
    rename: float
    clock: float
    locks: bool = False

    def enter(self) -> None:
        """Makes this process one of the machine's."""
        now, true = time.time, _True(self.folder)
        time.time = lambda: now() + self.clock
        socket.gethostname = platform.node = lambda: self.name
        from mixdmt_tf import leases
        from mixdmt_tf.runs import owners

        leases.machine = lambda: self.name
        # What takes minutes with the caches of NFS takes seconds with these.
        owners.TIMING = leases.Timing(0.5, 2 * self.hidden + 2)
        if not self.locks:
            fcntl.flock = lambda *_: None
        seen: Dict[Tuple[str, str], Look] = {}

        def looked(kind: str, path: str, look: Callable[[], Any]) -> Any:
            """What is seen: what was seen, if that is not too long ago."""
            until, found = seen.get((kind, path), (0.0, None))
            if found is None or until < time.monotonic():
                found = _result(look)
                seen[kind, path] = (time.monotonic() + self.hidden, found)
            return found()

        def written(*paths: str) -> None:
            """Forgets what was seen of files that this machine writes."""
            for path in paths:
                for each in (path, os.path.dirname(path)):
                    for kind in ("bytes", "stat", "list"):
                        seen.pop((kind, each), None)

        def stat(path: Any, **more: Any) -> Any:
            place = true.place(path)
            if not place or more:
                return true.stat(path, **more)
            return looked("stat", place, lambda: true.stat(place))

        def listdir(path: Any = ".") -> Any:
            place = true.place(path)
            if not place:
                return true.listdir(path)
            return list(looked("list", place, lambda: true.listdir(place)))

        def scandir(path: Any = ".") -> Any:
            place = true.place(path)
            if not place:
                return true.scandir(path)
            names = looked("list", place, lambda: true.listdir(place))
            return _Entries([_Entry(place, name) for name in names])

        def opened(path: Any, mode: str = "r", *rest: Any, **more: Any) -> Any:
            place = true.place(path)
            if not place:
                return true.open(path, mode, *rest, **more)
            if mode.strip("bt") != "r":
                written(place)
                return true.open(path, mode, *rest, **more)
            content = io.BytesIO(looked("bytes", place, lambda: true.read(place)))
            if "b" in mode:
                return content
            more.pop("buffering", None)
            names = ("encoding", "errors", "newline")
            return io.TextIOWrapper(content, **dict(zip(names, rest[1:])), **more)

        def renamed(source: Any, target: Any, **more: Any) -> None:
            place = true.place(target)
            if place:
                time.sleep(self.rename)
            true.replace(source, target, **more)
            written(*filter(None, (true.place(source), place)))

        def changing(call: Callable[..., Any]) -> Callable[..., Any]:
            def change(*paths: Any, **more: Any) -> Any:
                try:
                    return call(*paths, **more)
                finally:
                    written(*filter(None, map(true.place, paths)))

            return change

        def removed(path: Any, *rest: Any, **more: Any) -> None:
            true.rmtree(path, *rest, **more)
            place = true.place(path)
            written(place)
            below = f"{place}{os.sep}"
            for key in [key for key in seen if place and key[1].startswith(below)]:
                del seen[key]

        shutil.rmtree = removed
        os.stat, os.listdir, os.scandir = stat, listdir, scandir
        os.replace = os.rename = renamed
        for name in ("unlink", "remove", "mkdir", "rmdir", "link"):
            setattr(os, name, changing(getattr(os, name)))
        io.open = builtins.open = opened


class _True:
    """The functions of the system, and which files they are asked about."""

    def __init__(self, folder: pathlib.Path):
        self.folder = str(folder.resolve())
        self.stat, self.listdir, self.scandir = os.stat, os.listdir, os.scandir
        self.open, self.replace = builtins.open, os.replace
        self.rmtree = shutil.rmtree

    def place(self, path: Any) -> str:
        """The path of what is shared, '' for anything else."""
        if not isinstance(path, (str, os.PathLike)):
            return ""
        found = os.path.abspath(os.fspath(path))
        return found if found.startswith(f"{self.folder}{os.sep}") else ""

    def read(self, path: str) -> bytes:
        with self.open(path, "rb") as file:
            content: bytes = file.read()
        return content


class _Entry:
    """What `os.scandir` gives, by what is seen."""

    def __init__(self, folder: str, name: str):
        self.name, self.path = name, os.path.join(folder, name)

    def __fspath__(self) -> str:
        return self.path

    def stat(self, follow_symlinks: bool = True) -> Any:
        return os.stat(self.path)

    def is_dir(self, follow_symlinks: bool = True) -> bool:
        return os.path.isdir(self.path)

    def is_file(self, follow_symlinks: bool = True) -> bool:
        return os.path.isfile(self.path)

    def is_symlink(self) -> bool:
        return False


class _Entries(list):
    """A list that can be closed as what `os.scandir` gives."""

    def __enter__(self) -> "_Entries":
        return self

    def __exit__(self, *_: Any) -> None:
        pass


def _result(look: Callable[[], Any]) -> Callable[[], Any]:
    """What a call does, to be done again: returning, or raising."""
    try:
        value = look()
    except OSError as error:
        code, words = error.errno, str(error.strerror)

        def fail() -> Any:
            raise OSError(code, words)

        return fail
    return lambda: value
