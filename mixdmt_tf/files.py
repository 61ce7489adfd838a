"""Files that are either there whole or not there."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import pathlib
import platform
import shutil
import stat
import zipfile
import zlib
from typing import IO, Any, Optional, Union

from mixdmt_tf import addresses, bounds
from mixdmt_tf.errors import UserError

FULL = "No space left on device"  # as the system says it, and TensorFlow after it
# What systems say where a file can't be locked: Lustre and others, NFS without lockd.
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
# What reading a file raises of which a byte is wrong, or which is something else.
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
    """A number of bytes for people: 7.7 GB, 12 MB, 800 bytes."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if nbytes >= size:
            number = nbytes / size
            return f"{number:,.1f} {unit}" if number < 100 else f"{number:,.0f} {unit}"
    return f"{nbytes} bytes"


def cell(text: str) -> str:
    """A name as the cell of a CSV file that spreadsheets and terminals show as text.

    What begins like a formula gets an apostrophe in front, as spreadsheets have it
    (OWASP, CSV injection); control characters are written as Python writes them.
    """
    shown = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
    return f"'{shown}" if shown.startswith(("=", "+", "-", "@")) else shown


def expanded(path: Union[str, pathlib.Path]) -> pathlib.Path:
    """A path that a user gave to be read, with `~` replaced.

    What is at an address, such as `gs://bucket/images`, is fetched, and this is the
    path of the local copy (`remote.py`).

    Raises:
        UserError: if the home folder is unknown, as in containers it may be, or if
            there is nothing at the address, or it cannot be read.
    """
    if addresses.is_address(path):
        from mixdmt_tf import remote  # which needs this module

        return remote.fetched(path)
    try:
        return pathlib.Path(path).expanduser()
    except RuntimeError:
        raise UserError(
            f"{path}: the home folder is unknown.\nSet HOME, or write the whole path."
        ) from None


def in_home(path: str) -> pathlib.Path:
    """A default below the home folder; where that is unknown, below this folder."""
    try:
        return pathlib.Path.home() / path
    except RuntimeError:
        return pathlib.Path(path)


def cache_folder() -> pathlib.Path:
    """The folder of everything that can be made again; it need not exist."""
    given = os.environ.get("XDG_CACHE_HOME")
    return (expanded(given) if given else in_home(".cache")) / "mixdmt_tf"


def write_atomically(path: pathlib.Path, text: str) -> None:
    """Writes a text file in UTF-8 as `write_bytes_atomically` does."""
    write_bytes_atomically(path, text.encode("utf-8"))


def write_bytes_atomically(path: pathlib.Path, content: bytes) -> None:
    """Writes a file beside its place, syncs it, and renames it into place.

    What is no file, such as /dev/stdout or a named pipe, is written to and stays there.
    """
    if _is_stream(path):
        path.write_bytes(content)
        return
    # Machines that share a folder number their processes alike.
    beside = path.with_name(f".{path.name}.{os.getpid()}@{platform.node()}.tmp")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:  # a full disk does not say what was written
        if error.errno is not None:
            error.filename = str(path)  # and not the name that nobody knows
        raise
    finally:
        beside.unlink(missing_ok=True)


def _is_stream(path: pathlib.Path) -> bool:
    """Whether a path is a device or a pipe, or stands for one, as links in /dev do."""
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
        file: open.
        wait: for another process that has locked it.

    Returns:
        Whether it is locked; if not, another process has it. None where the file system
        has no such locks.
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
    """Writes an image, uint8 [height, width, 3], as `write_bytes_atomically` does."""
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "png")
    write_bytes_atomically(path, content.getvalue())


def copy_atomically(source: pathlib.Path, place: pathlib.Path) -> None:
    """Copies a file or folder beside its place and renames it into place.

    A folder that was there is removed first: for a moment there is none.
    """
    if not source.is_dir():
        write_bytes_atomically(
            place, bounds.read_bytes(source, bounds.PSEUDO_LABELS_BYTES)
        )
        return
    beside = place.with_name(f".{place.name}.tmp")
    shutil.rmtree(beside, ignore_errors=True)  # what a process left that was killed
    try:
        shutil.copytree(source, beside)
        shutil.rmtree(place, ignore_errors=True)
        os.replace(beside, place)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
