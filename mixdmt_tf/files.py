"""Atomic writing, copying and locking of files, and paths that users give."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import os
import pathlib
import platform
import shutil
import stat
import unicodedata
import zipfile
import zlib
from typing import IO, Any, Optional, Union

from mixdmt_tf import addresses, bounds
from mixdmt_tf.errors import UserError

FULL = "No space left on device"  # as the system says it, and TensorFlow after it
_LONG = 150  # bytes of a name that a temporary name can contain
_JOINERS = "\u200c\u200d"
# Error codes of file systems without locks: Lustre and others, NFS without lockd.
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
# Errors raised by reading a file that is corrupted or of another format.
DAMAGES = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


def size_text(nbytes: int) -> str:
    """Formats a number of bytes: 7.7 GB, 12 MB, 800 bytes."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if nbytes >= size:
            number = nbytes / size
            return f"{number:,.1f} {unit}" if number < 100 else f"{number:,.0f} {unit}"
    return f"{nbytes} bytes"


def cell(text: str) -> str:
    """Escapes a name for a CSV cell that spreadsheets and terminals show as text.

    Text that begins like a formula gets a leading apostrophe, as in spreadsheets
    (OWASP, CSV injection); control characters are escaped as in Python. Spaces of all
    kinds, which macOS writes into names, and joiners of emoji stay.
    """

    def kept(character: str) -> bool:
        space = unicodedata.category(character) == "Zs"
        return character.isprintable() or space or character in _JOINERS

    shown = "".join(each if kept(each) else ascii(each)[1:-1] for each in text)
    return f"'{shown}" if shown.startswith(("=", "+", "-", "@")) else shown


def expanded(path: Union[str, pathlib.Path]) -> pathlib.Path:
    """Returns the local path of an input that a user gave, with `~` expanded.

    For an address, such as `gs://bucket/images`, the files are fetched and the path of
    the local copy is returned (`remote.py`).

    Raises:
        UserError: if the home folder is unknown, as may happen in containers, or if
            there is nothing at the address, or it cannot be read.
    """
    if addresses.is_address(path):
        from mixdmt_tf import remote  # a circular import otherwise

        return remote.fetched(path)
    try:
        return pathlib.Path(path).expanduser()
    except RuntimeError:
        raise UserError(
            f"{path}: the home folder is unknown.\nSet HOME, or give the full path."
        ) from None


def in_home(path: str) -> pathlib.Path:
    """Returns a path below the home folder, or below this folder if it is unknown."""
    try:
        return pathlib.Path.home() / path
    except RuntimeError:
        return pathlib.Path(path)


def cache_folder() -> pathlib.Path:
    """Returns the folder of all files that can be recreated; it may not exist yet."""
    given = os.environ.get("XDG_CACHE_HOME")
    return (expanded(given) if given else in_home(".cache")) / "mixdmt_tf"


def write_atomically(path: pathlib.Path, text: str) -> None:
    """Writes a text file in UTF-8; see `write_bytes_atomically`."""
    write_bytes_atomically(path, text.encode("utf-8"))


def write_bytes_atomically(path: pathlib.Path, content: bytes) -> None:
    """Writes a temporary file beside the path, syncs it, and renames it to the path.

    Devices and named pipes, such as /dev/stdout, are written to and not replaced.
    """
    if _is_stream(path):
        path.write_bytes(content)
        return
    beside = _beside(path)
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:  # the error of a full disk has no file name
        if error.errno is not None:
            error.filename = str(path)  # rather than that of the temporary file
        raise
    finally:
        beside.unlink(missing_ok=True)


def sync(path: pathlib.Path) -> None:
    """Waits until the content of a file is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(path: pathlib.Path) -> pathlib.Path:
    """Returns a temporary file beside the path, of this process alone."""
    name = os.fsencode(path.name)
    # A name may have 255 bytes, and this one has up to 80 more than the file's.
    short = path.name if len(name) <= _LONG else hashlib.sha256(name).hexdigest()
    # Machines that share a folder may have processes with equal ids.
    return path.with_name(f".{short}.{os.getpid()}@{platform.node()}.tmp")


def _is_stream(path: pathlib.Path) -> bool:
    """Returns whether a path is a device or a pipe, or a link to one as in /dev."""
    if path.is_symlink() and path.parent == pathlib.Path("/dev"):
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def lock(file: IO[Any], wait: bool = False) -> Optional[bool]:
    """Locks a file until it is closed or its process ends, however it ends.

    Args:
        file: the open file.
        wait: wait while another process holds the lock.

    Returns:
        True if it is locked now; False if another process holds the lock; None if the
        file system has no such locks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return None
    return True


def write_png_atomically(path: pathlib.Path, pixels: Any) -> None:
    """Writes an image, uint8 [height, width, 3]; see `write_bytes_atomically`."""
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "png")
    write_bytes_atomically(path, content.getvalue())


def copy_atomically(source: pathlib.Path, place: pathlib.Path) -> None:
    """Copies a file or folder to a temporary name and renames the copy to `place`.

    A folder that exists there is removed first: for a moment there is none.
    """
    if not source.is_dir():
        write_bytes_atomically(
            place, bounds.read_bytes(source, bounds.PSEUDO_LABELS_BYTES)
        )
        return
    beside = place.with_name(f".{place.name}.tmp")
    shutil.rmtree(beside, ignore_errors=True)  # left by a killed process
    try:
        shutil.copytree(source, beside)
        shutil.rmtree(place, ignore_errors=True)
        os.replace(beside, place)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
