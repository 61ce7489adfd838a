"""Stores for tests: another machine, and requests that fail or are the last."""

from __future__ import annotations

import contextlib
import itertools
import pathlib
import shutil
from typing import Any, Dict, Iterator, Optional, Set

import tensorflow as tf

from mixdmt_tf import leases, mirrors, remote, stores

_numbers = itertools.count()


class Killed(BaseException):
    """Nothing happens after it."""


def address(name: str = "run") -> str:
    """One in memory that nobody has used."""
    return f"ram://bucket-{next(_numbers)}/{name}"


def plant(place: str, files: Dict[str, str]) -> None:
    """Puts files to an address as other programs do."""
    for name, text in files.items():
        path = f"{place}/{name}"
        tf.io.gfile.makedirs(path.rpartition("/")[0])
        if tf.io.gfile.exists(path):  # ram:// appends
            tf.io.gfile.remove(path)
        with tf.io.gfile.GFile(path, "w") as file:
            file.write(text)


def there(place: str) -> Dict[str, str]:
    """The files at an address, hidden ones included."""
    found = {}
    for folder, _, names in tf.io.gfile.walk(place):
        for name in names:
            path = f"{folder.rstrip('/')}/{name}"
            with tf.io.gfile.GFile(path, "rb") as file:
                found[path[len(place) + 1 :]] = file.read().decode(errors="replace")
    return found


def exists(place: str) -> bool:
    """Whether there is something at an address."""
    return bool(tf.io.gfile.exists(place))


def fill(folder: pathlib.Path, files: Dict[str, str]) -> None:
    """Makes a folder hold these files and no others."""
    for path in [*folder.rglob("*")]:
        if path.is_file() and path.relative_to(folder).as_posix() not in files:
            path.unlink()
    for name, text in files.items():
        path = folder / name
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def held(folder: pathlib.Path) -> Dict[str, str]:
    """The files of a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


class Machine:
    """Machines that share nothing but addresses, one after the other."""

    def __init__(self, patch: Any, folder: pathlib.Path):
        self._patch, self._folder = patch, folder
        patch.setattr(mirrors, "TIMING", leases.Timing(20.0, 10.0))
        patch.setattr(stores, "PAUSES", (0.0,) * 4)
        patch.setattr(remote, "LAST_PAUSES", (0.0,) * 4)
        self.another()

    def another(self) -> None:
        """From now on everything happens on a new machine; the old one was lost."""
        cache = self._folder / f"machine{next(_numbers)}"
        self._patch.setenv("XDG_CACHE_HOME", str(cache))
        self._patch.setattr(leases, "_held", set())
        self._patch.setattr(remote, "_open", remote._Open())


class Files:
    """`tf.io.gfile`, of which one call is the last, or every so many fail.

    Attributes:
        calls: so far.
    """

    def __init__(self, last: Optional[int] = None, every: Optional[int] = None):
        self.calls = 0
        self.last, self.every = last, every

    def __getattr__(self, name: str) -> Any:
        function = getattr(tf.io.gfile, name)
        if name == "get_registered_schemes":  # which asks no store
            return function

        def called(*arguments: Any, **options: Any) -> Any:
            self.calls += 1
            if self.last is not None and self.calls > self.last:
                if name == "GFile" and "w" in arguments[1]:
                    with function(*arguments) as file:  # half of it is there
                        file.write(b"\x00half")
                raise Killed
            if self.every is not None and self.calls % self.every == 0:
                raise tf.errors.UnavailableError(None, None, "HTTP 503\nat length")
            return function(*arguments, **options)

        return called


@contextlib.contextmanager
def files(patch: Any, **options: int) -> Iterator[Files]:
    """Stores that are opened meanwhile use such files."""
    made = Files(**options)
    with patch.context() as inner:
        inner.setattr(stores, "gfile", lambda: made)
        yield made


@contextlib.contextmanager
def killed() -> Iterator[None]:
    """Ends where the process does, if it does."""
    try:
        yield
    except Killed:
        pass


def forget(mirror: mirrors.Mirror) -> None:
    """Frees what the system frees when a process ends."""
    mirror._lock._end.set()
    if mirror._owner is not None:
        mirror._owner.close()


@contextlib.contextmanager
def claimed(place: str, say: Any = print) -> Iterator[mirrors.Mirror]:
    """A mirror that may send, with what is at the address."""
    mirror = mirrors.Mirror(place, say)
    mirror.claim()
    try:
        mirror.fetch()
        yield mirror
    finally:
        mirror.release()


def fetched(place: str) -> Dict[str, str]:
    """What a machine gets that only reads."""
    mirror = mirrors.Mirror(place)
    mirror.fetch()
    return held(mirror.copy.folder)


def copy(folder: pathlib.Path, place: str) -> None:
    """Copies a folder to a file:// address."""
    shutil.copytree(
        folder, place[len("file://") :], ignore=shutil.ignore_patterns(".*")
    )


def names(place: str, prefix: str = "") -> Set[str]:
    """The names of the files at a file:// address."""
    root = pathlib.Path(place[len("file://") :])
    return {
        prefix + path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file()
    }


def fetch(place: str) -> pathlib.Path:
    """The local copy of what is at an address."""
    return remote.fetched(place)
