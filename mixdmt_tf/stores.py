"""Files at addresses, read and written through `tf.io.gfile`.

Failed requests are repeated for a while; a lasting failure raises a readable error.
TensorFlow is imported when the first store is opened.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import time
from typing import Any, Callable, Iterator, NamedTuple, Sequence, Set, Tuple, TypeVar

from mixdmt_tf import addresses
from mixdmt_tf.errors import UserError
from mixdmt_tf.files import sync

T = TypeVar("T")

PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds between attempts
CHUNK = 8 << 20  # bytes


class Failure(UserError):
    """A request to a store failed several times."""


class Stat(NamedTuple):
    """Size of a file in a store in bytes, and time of its last change (ns)."""

    size: int
    written: int


class Copied(NamedTuple):
    """Size of a sent or fetched file in bytes, and its sha256 in hex."""

    size: int
    digest: str


def gfile() -> Any:
    """Imports TensorFlow and returns `tf.io.gfile`."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    return tf.io.gfile


class Store:
    """Access to the files at an address and below it.

    Names are relative to the address; '' is the address itself.

    Attributes:
        address: without a slash at its end.
        pauses: seconds to wait between attempts.
    """

    def __init__(self, address: str):
        """Initializes the store; makes no requests yet.

        Raises:
            UsageError: if TensorFlow has no file system of that scheme.
        """
        addresses.require_openable(address)
        self.address = address
        self.pauses: Sequence[float] = PAUSES
        self._files = gfile()
        self._made: Set[str] = set()
        scheme = addresses.scheme_of(address)
        if scheme not in self._files.get_registered_schemes():
            _import_more()
            if scheme not in self._files.get_registered_schemes():
                raise addresses.cannot_open(address, scheme)
        self._folders = scheme in addresses.WITH_FOLDERS
        self._marks = scheme == "gs"
        self._appends = scheme == "ram"  # to a file that is opened to be written

    def place(self, name: str) -> str:
        """Returns the address of a name."""
        return f"{self.address}/{name}" if name else self.address

    def is_folder(self, name: str = "") -> bool:
        """Returns whether a name is a folder, or a prefix of other names."""
        return bool(self._try(name, lambda: self._files.isdir(self.place(name))))

    def exists(self, name: str = "") -> bool:
        """Returns whether there is a file or folder of that name."""
        return bool(self._try(name, lambda: self._files.exists(self.place(name))))

    def stat(self, name: str) -> Stat:
        """Returns size and modification time of a file.

        Raises:
            FileNotFoundError: if it does not exist.
        """
        found = self._try(name, lambda: self._files.stat(self.place(name)))
        return Stat(int(found.length), int(found.mtime_nsec))

    def names(self) -> Iterator[str]:
        """Yields all files below the address, except hidden files and folders."""
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            for each in self.list(folder):
                name = f"{folder}{each.rstrip('/')}"
                if each.startswith(".") or not each.rstrip("/"):
                    continue
                folder_here = each.endswith("/")  # gs:// marks folders so
                if folder_here or not self._marks and self.is_folder(name):
                    waiting.append(f"{name}/")
                else:
                    yield name

    def list(self, folder: str = "") -> Sequence[str]:
        """Lists the entries of a folder, which may be missing."""
        place = self.place(folder.rstrip("/"))
        try:
            found = self._try(folder, lambda: self._files.listdir(place))
        except FileNotFoundError:
            return []
        return sorted(found)

    def read(self, name: str) -> bytes:
        """Returns the content of a small file.

        Raises:
            FileNotFoundError: if it is not there.
        """

        def read() -> bytes:
            with self._files.GFile(self.place(name), "rb") as file:
                content: bytes = file.read()
            return content

        return self._try(name, read)

    def write(self, name: str, content: bytes) -> None:
        """Writes a small file atomically: it is there whole, or as it was before."""
        beside = f"{name}.new"

        def write() -> None:
            self._make_room(beside)
            with self._files.GFile(self.place(beside), "wb") as file:
                file.write(content)
            self._files.rename(self.place(beside), self.place(name), overwrite=True)

        self._try(name, write, writes=True)

    def put(self, source: pathlib.Path, name: str) -> Copied:
        """Sends a file.

        Raises:
            FileNotFoundError: if it no longer exists here.
        """

        def put() -> Copied:
            self._make_room(name)
            with source.open("rb") as reading:
                with self._files.GFile(self.place(name), "wb") as writing:
                    return _copy(reading, writing)

        return self._try(name, put, writes=True)

    def get(self, name: str, place: pathlib.Path) -> Copied:
        """Fetches a file under a temporary name, and renames it to `place`.

        Raises:
            FileNotFoundError: if it is not there.
        """
        beside = place.with_name(f".{place.name}.{os.getpid()}.tmp")

        def get() -> Copied:
            with self._files.GFile(self.place(name), "rb") as reading:
                with beside.open("wb") as writing:
                    return _copy(reading, writing)

        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            copied = self._try(name, get)
            sync(beside)
            os.replace(beside, place)
        finally:
            beside.unlink(missing_ok=True)
        return copied

    def move(self, name: str, target: str) -> None:
        """Renames a file; an existing file of the new name is replaced."""

        def move() -> None:
            self._make_folder(target)
            self._files.rename(self.place(name), self.place(target), overwrite=True)

        self._try(name, move)

    def remove(self, name: str) -> None:
        """Removes a file, which may be missing."""
        try:
            self._try(name, lambda: self._files.remove(self.place(name)))
        except FileNotFoundError:
            pass
        folder = name.rpartition("/")[0]
        while self._folders and folder and not self.list(folder):
            self.remove_folder(folder)
            self._made.clear()
            folder = folder.rpartition("/")[0]

    def remove_folder(self, name: str) -> None:
        """Removes a folder and all that is in it; it may be missing."""
        try:
            if self.is_folder(name):
                self._try(name, lambda: self._files.rmtree(self.place(name)))
        except FileNotFoundError:
            pass

    def _make_room(self, name: str) -> None:
        self._make_folder(name)
        if self._appends and self._files.exists(self.place(name)):
            self._files.remove(self.place(name))

    def _make_folder(self, name: str) -> None:
        folder = self.place(name).rpartition("/")[0]
        if self._folders and folder not in self._made:
            self._files.makedirs(folder)
            self._made.add(folder)

    def _try(self, name: str, call: Callable[[], T], writes: bool = False) -> T:
        """Makes a call, and repeats it for a while if it fails.

        If it `writes`, "not found" means that the folder or the bucket is missing.

        Raises:
            FileNotFoundError: if a file to be read does not exist.
            Failure: if the last attempt fails otherwise.
        """
        import tensorflow as tf

        passing, lasting = _kinds(tf.errors)
        for pause in (*self.pauses, None):
            try:
                return call()
            except lasting as error:
                raise self._failure(name, error) from error
            except passing as error:
                if isinstance(error, tf.errors.NotFoundError) and not writes:
                    raise FileNotFoundError(self.place(name)) from error
                if pause is None:
                    raise self._failure(name, error) from error
                self._made.clear()
                time.sleep(pause)
        raise AssertionError  # the last pause is None

    def _failure(self, name: str, error: Exception) -> Failure:
        lines = [*filter(None, map(str.strip, str(error).splitlines()))]
        said = lines[0] if lines else type(error).__name__
        return Failure(
            f"{self.place(name)}: {type(error).__name__}: {said[:300]}\n"
            "Check the address, the network, the access permissions there, and the "
            "credentials of this machine (gs://: GOOGLE_APPLICATION_CREDENTIALS)."
        )


def _kinds(errors: Any) -> Tuple[Any, Tuple[Any, ...]]:
    """Returns the errors of stores, and those among them that are not retried."""
    lasting = (
        errors.PermissionDeniedError,
        errors.UnauthenticatedError,
        errors.InvalidArgumentError,
        errors.UnimplementedError,
    )
    return errors.OpError, lasting


def _copy(reading: Any, writing: Any) -> Copied:
    total, digest = 0, hashlib.sha256()
    writing.write(b"")  # creates the file even if it is empty
    while True:
        content = reading.read(CHUNK)
        if not content:
            return Copied(total, digest.hexdigest())
        writing.write(content)
        digest.update(content)
        total += len(content)


def _import_more() -> None:
    """Imports tensorflow-io, which registers more file systems."""
    try:
        import tensorflow_io  # noqa: F401
    except Exception:  # it fails in its own ways where it does not fit TensorFlow
        pass
