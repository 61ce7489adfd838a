"""Files at addresses, read and written through `tf.io.gfile`.

What a network does to a request is tried again for a while; what remains is said in
words. TensorFlow is imported when the first store is opened.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import time
from typing import (
    Any,
    Callable,
    Iterator,
    NamedTuple,
    Sequence,
    Set,
    Tuple,
    TypeVar,
)

from mixdmt_tf import addresses
from mixdmt_tf.errors import UserError

T = TypeVar("T")

PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds between attempts
CHUNK = 8 << 20  # bytes


class Failure(UserError):
    """A store did not do what it was asked, several times over."""


class Stat(NamedTuple):
    """What a store says of a file: bytes, and when it was written (ns)."""

    size: int
    written: int


class Copied(NamedTuple):
    """A file that was sent or fetched: bytes, and their sha256 in hex."""

    size: int
    digest: str


def gfile() -> Any:
    """`tf.io.gfile`."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    return tf.io.gfile


class Store:
    """What is at an address and below it.

    Names are relative to the address; '' is the address itself.

    Attributes:
        address: without a slash at its end.
        pauses: seconds to wait between attempts.
    """

    def __init__(self, address: str):
        """Asks nothing yet.

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
        """The address of a name."""
        return f"{self.address}/{name}" if name else self.address

    def is_folder(self, name: str = "") -> bool:
        """Whether it is a folder, or the beginning of names."""
        return bool(self._try(name, lambda: self._files.isdir(self.place(name))))

    def exists(self, name: str = "") -> bool:
        """Whether there is a file or folder of that name."""
        return bool(self._try(name, lambda: self._files.exists(self.place(name))))

    def stat(self, name: str) -> Stat:
        """Size and time of a file.

        Raises:
            FileNotFoundError: if it is not there.
        """
        found = self._try(name, lambda: self._files.stat(self.place(name)))
        return Stat(int(found.length), int(found.mtime_nsec))

    def names(self) -> Iterator[str]:
        """All files below the address but hidden ones, and those in hidden folders."""
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            for each in self.list(folder):
                name = f"{folder}{each.rstrip('/')}"
                if each.startswith(".") or not each.rstrip("/"):
                    continue
                folder_here = each.endswith("/")  # as gs:// says it
                if folder_here or not self._marks and self.is_folder(name):
                    waiting.append(f"{name}/")
                else:
                    yield name

    def list(self, folder: str = "") -> Sequence[str]:
        """What is directly in a folder, which may be missing."""
        place = self.place(folder.rstrip("/"))
        try:
            found = self._try(folder, lambda: self._files.listdir(place))
        except FileNotFoundError:
            return []
        return sorted(found)

    def read(self, name: str) -> bytes:
        """All that a small file holds.

        Raises:
            FileNotFoundError: if it is not there.
        """

        def read() -> bytes:
            with self._files.GFile(self.place(name), "rb") as file:
                content: bytes = file.read()
            return content

        return self._try(name, read)

    def write(self, name: str, content: bytes) -> None:
        """Writes a small file, which is then there whole, or as it was before."""
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
            FileNotFoundError: if there is none to send any more.
        """

        def put() -> Copied:
            self._make_room(name)
            with source.open("rb") as reading:
                with self._files.GFile(self.place(name), "wb") as writing:
                    return _copy(reading, writing)

        return self._try(name, put, writes=True)

    def get(self, name: str, place: pathlib.Path) -> Copied:
        """Fetches a file beside its place, and renames it into place.

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
            os.replace(beside, place)
        finally:
            beside.unlink(missing_ok=True)
        return copied

    def move(self, name: str, target: str) -> None:
        """Renames a file; what was there under the new name is replaced."""

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
        """Calls, again and again for a while if it fails.

        If it `writes` the file, what is missing is its folder, or the bucket.

        Raises:
            FileNotFoundError: if the store says that a file to be read is not there.
            Failure: if it fails otherwise to the end.
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
            "Look at the address, the network, who may read and write there, and the "
            "credentials of this machine (gs://: GOOGLE_APPLICATION_CREDENTIALS)."
        )


def _kinds(errors: Any) -> Tuple[Any, Tuple[Any, ...]]:
    """Errors that may pass, and those among them that will not."""
    lasting = (
        errors.PermissionDeniedError,
        errors.UnauthenticatedError,
        errors.InvalidArgumentError,
        errors.UnimplementedError,
    )
    return errors.OpError, lasting


def _copy(reading: Any, writing: Any) -> Copied:
    total, digest = 0, hashlib.sha256()
    writing.write(b"")  # or there would be no file of what is empty
    while True:
        content = reading.read(CHUNK)
        if not content:
            return Copied(total, digest.hexdigest())
        writing.write(content)
        digest.update(content)
        total += len(content)


def _import_more() -> None:
    """File systems of tensorflow-io are there once it is imported."""
    try:
        import tensorflow_io  # noqa: F401
    except Exception:  # it fails in its own ways where it does not fit TensorFlow
        pass
