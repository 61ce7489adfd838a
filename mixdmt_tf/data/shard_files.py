"""Writes files of raw pixels on disk, each with its digest in its name.

Several processes, also on several machines, can make files in the same folder. A file
depends only on its number. It is written under a temporary name, synced and renamed, so
a file with its final name is complete. `shards.py` reads the files.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import errno
import hashlib
import os
import pathlib
import platform
import re
import shutil
import time
from typing import Callable, Dict, Iterator, List, Optional, Tuple

import numpy as np

from mixdmt_tf.data.part import WHOLE, Part
from mixdmt_tf.errors import UserError
from mixdmt_tf.files import size_text
from mixdmt_tf.progress import PATIENCE, Progress

# Writes the images first, first + 1, ... into rows, uint8 [n, H, W, C].
Fill = Callable[[int, np.ndarray], None]
Report = Callable[[int, int], None]  # images made so far, of how many

SHARD_BYTES = 64 << 20
# Errors of file systems without hard links.
NO_LINKS = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EOPNOTSUPP)
_STALE = 86400  # seconds after which a temporary file of another machine is removed


@dataclasses.dataclass(frozen=True)
class Words:
    """Words for the images in messages.

    Attributes:
        images: name of the images, such as 'augmented copies'.
        otherwise: what to do if the disk has no room: 'fewer --copies, or ...'.
    """

    images: str
    otherwise: str


class ShardFiles:
    """The files `shard-<index>-<sha256>.u8` of a folder.

    Attributes:
        folder: folder of these images only, made if missing.
        shape: (N, H, W, C) of all images.
        size: bytes of an image.
        rows: images in a file; the last file has the rest.
        number: number of files.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        shape: Tuple[int, int, int, int],
        words: Words,
        shard_bytes: int = SHARD_BYTES,
    ):
        """Stores the arguments; reads and writes nothing yet.

        Args:
            folder: folder of these images only.
            shape: (N, H, W, C) of all images.
            words: words for messages.
            shard_bytes: size of a file, rounded to whole images.
        """
        self.folder = folder
        self.shape = shape
        self.size = int(np.prod(shape[1:]))
        self.rows = rows_per_file(self.size, shard_bytes)
        self.number = -(-shape[0] // self.rows)
        self._words = words

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Context manager that turns OSErrors into UserErrors that say what to do."""
        try:
            yield
        except OSError as error:
            if error.errno == errno.EMFILE:
                raise UserError(
                    f"the {self._words.images} are {self.number:,} files in "
                    f"{self.folder}, more than a process may have open here.\n"
                    f"Choose a larger `ulimit -n`, {self._words.otherwise}."
                ) from error
            raise UserError(
                f"the {self._words.images} could not be written to {self.folder}: "
                f"{error.strerror}.\nChoose another --cache_dir, "
                f"{self._words.otherwise}."
            ) from error

    def complete(
        self,
        fill: Fill,
        report: Optional[Report] = None,
        threads: Optional[int] = None,
        part: Part = WHOLE,
    ) -> Dict[int, pathlib.Path]:
        """Checks the digests of existing files and makes the missing ones.

        An interrupted build resumes with the first missing file. At most one file per
        thread is in memory.

        Args:
            fill: function that makes images; called from several threads.
            report: called with (done, total) images after each file.
            threads: number of files to make in parallel; None: one per processor.
            part: part of the files to complete; the others are ignored.

        Returns:
            All files of the part by index.

        Raises:
            UserError: if there is no room.
            OSError: if the folder cannot be written.
        """
        shards = part.range(self.number)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._sweep()
        found = self._intact(shards)
        missing = [shard for shard in shards if shard not in found]
        self._need_room(missing)
        total = sum(map(self._rows_of, shards))
        for shard, path in self._built(fill, missing, threads or os.cpu_count() or 1):
            found[shard] = path
            if report:
                report(min(len(found) * self.rows, total), total)
        return found

    def _built(
        self, fill: Fill, shards: List[int], threads: int
    ) -> Iterator[Tuple[int, pathlib.Path]]:
        """Makes files, and yields index and path of each when it is complete."""
        if threads == 1:  # in this thread, which signals can interrupt
            for shard in shards:
                yield shard, self._build(fill, shard)
            return
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            jobs = {pool.submit(self._build, fill, shard): shard for shard in shards}
            try:
                for job in concurrent.futures.as_completed(jobs):
                    yield jobs[job], job.result()
            finally:  # also after an interruption: do not start queued files
                for job in jobs:
                    job.cancel()

    def missing(self) -> List[int]:
        """Returns the indices of missing files, without checking digests."""
        there = {index for _, index, _ in shards_in(self.folder)}
        return [index for index in range(self.number) if index not in there]

    def _sweep(self) -> None:
        """Removes temporary files of killed builds, but not those in use."""
        for path in self.folder.glob(".[0-9]*-*.tmp"):
            name = re.fullmatch(r"\.([0-9]+)(?:@(.*))?-[0-9]+\.tmp", path.name)
            try:
                if name and name[2] in (None, platform.node()):
                    os.kill(int(name[1]), 0)
                elif time.time() - path.stat().st_mtime > _STALE:
                    path.unlink(missing_ok=True)
            except ProcessLookupError:
                path.unlink(missing_ok=True)
            except (PermissionError, FileNotFoundError):  # alive, or removed meanwhile
                continue

    def _intact(self, shards: range) -> Dict[int, pathlib.Path]:
        """Returns the intact ones of these files, and removes all others."""
        found: Dict[int, pathlib.Path] = {}
        title = f"checking the {self._words.images}"
        progress = Progress(title, "files", after=PATIENCE)
        whole = len(shards) == self.number  # then any other file is superfluous
        there = [e for e in shards_in(self.folder) if whole or e[1] in shards]
        for done, (path, index, digest) in enumerate(there):
            progress.update(done, len(there))
            try:
                actual, length = _digest_of(path)
            except FileNotFoundError:  # removed by another machine
                continue
            if actual == digest and length == self._rows_of(index) * self.size:
                found[index] = path
                continue
            if actual != digest:  # if equal, only the number of its images has changed
                words = f"{path.name} is damaged and is made again"
                progress.say(f"{self._words.images}: {words}")
            path.unlink(missing_ok=True)
        progress.update(len(there), len(there))
        progress.close()
        return found

    def _rows_of(self, shard: int) -> int:
        """Returns the number of images in a file."""
        return min(self.rows, self.shape[0] - shard * self.rows)

    def _need_room(self, shards: List[int]) -> None:
        needed = sum(map(self._rows_of, shards)) * self.size
        free = room(self.folder)
        if needed > free:
            raise UserError(
                f"the {self._words.images} need {size_text(needed)} in "
                f"{self.folder}, {size_text(free)} are free.\n"
                f"Choose another --cache_dir, {self._words.otherwise}."
            )

    def _build(self, fill: Fill, shard: int) -> pathlib.Path:
        # Process ids are not unique among machines that share a folder.
        beside = self.folder / f".{os.getpid()}@{platform.node()}-{shard}.tmp"
        try:
            images = np.empty((self._rows_of(shard), *self.shape[1:]), np.uint8)
            fill(shard * self.rows, images)
            digest = hashlib.sha256(images.data).hexdigest()
            with beside.open("wb") as file:
                file.write(images.data)
                file.flush()
                os.fsync(file.fileno())
            final = self.folder / f"shard-{shard:05d}-{digest}.u8"
            _place(beside, final)
        finally:
            beside.unlink(missing_ok=True)
        return final


def _digest_of(path: pathlib.Path) -> Tuple[str, int]:
    """Returns the digest and the size of a file."""
    digest, length = hashlib.sha256(), 0
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
            length += len(block)
    return digest.hexdigest(), length


def _place(beside: pathlib.Path, final: pathlib.Path) -> None:
    """Gives a file its final name, unless an equal file already has it.

    Another machine may be reading that file, and NFS does not keep a replaced file.
    """
    try:
        os.link(beside, final)
    except FileExistsError:
        pass
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        os.replace(beside, final)


def rows_per_file(image_bytes: int, shard_bytes: int = SHARD_BYTES) -> int:
    """Returns the number of images in a file of about `shard_bytes`."""
    return max(1, shard_bytes // image_bytes)


def missing_bytes(folder: pathlib.Path, nbytes: int) -> int:
    """Returns how many bytes of all images are missing in a folder."""
    return nbytes - sum(path.stat().st_size for path, _, _ in shards_in(folder))


def shards_in(folder: pathlib.Path) -> Iterator[Tuple[pathlib.Path, int, str]]:
    """Yields all files with the name of a shard, with their index and digest."""
    for path in folder.glob("shard-*.u8"):
        name = re.fullmatch(r"shard-([0-9]{5,9})-([0-9a-f]{64})\.u8", path.name)
        if name and path.is_file():
            yield path, int(name[1]), name[2]


def takes(folder: pathlib.Path, nbytes: int) -> bool:
    """Whether a folder has room for twice `nbytes`."""
    ground = _ground(folder)
    writable = ground.is_dir() and os.access(ground, os.W_OK | os.X_OK)
    return writable and room(folder) > 2 * nbytes


def room(folder: pathlib.Path) -> int:
    """Returns the free bytes where `folder` is or would be made."""
    return shutil.disk_usage(_ground(folder)).free


def _ground(folder: pathlib.Path) -> pathlib.Path:
    """Returns the folder or, if it does not exist, its closest existing parent."""
    while not os.path.exists(folder):  # `Path.exists` raises without permission
        folder = folder.parent
    return folder
