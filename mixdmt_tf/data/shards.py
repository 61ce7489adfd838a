"""Images on a disk: files of raw pixels, each named after its own digest.

Augmented copies (`precomputed.py`) and decoded images (`decoded.py`, and large sets of
TensorFlow Datasets) are kept in this form.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import hashlib
import os
import pathlib
import re
import shutil
import weakref
from typing import Callable, Dict, Iterator, List, Optional, Tuple

import numpy as np

from mixdmt_tf.data.lazy_images import LazyImages
from mixdmt_tf.errors import UserError
from mixdmt_tf.files import size_text
from mixdmt_tf.progress import PATIENCE, Progress

# Writes the images first, first + 1, ... into rows, uint8 [n, H, W, C].
Fill = Callable[[int, np.ndarray], None]
Report = Callable[[int, int], None]  # images made so far, of how many

SHARD_BYTES = 64 << 20


@dataclasses.dataclass(frozen=True)
class Words:
    """How messages speak of the images.

    Attributes:
        images: such as 'augmented copies'.
        otherwise: what to do where the disk will not do: 'fewer --copies, or ...'.
    """

    images: str
    otherwise: str


class Shards(LazyImages):
    """Images in files `shard-<index>-<sha256>.u8`.

    A file is written beside, synced and renamed, so that under its name it is complete;
    opening checks every digest and makes damaged files again. An interrupted build
    resumes with the first missing file. While they are made, no more than one file per
    thread is in memory, and while they are read only what is asked for: nothing is
    mapped into memory, where it would count as the process's own.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        shape: Tuple[int, int, int, int],
        fill: Fill,
        words: Words,
        report: Optional[Report] = None,
        shard_bytes: int = SHARD_BYTES,
        threads: Optional[int] = None,
    ):
        """Checks what is there and makes what is missing.

        Args:
            folder: of these images alone, made if missing.
            shape: (N, H, W, C).
            fill: makes images; called from several threads.
            words: for messages.
            report: called with (done, total) after each file.
            shard_bytes: size of a file, rounded to whole images.
            threads: how many files are made at a time; None: one per processor.

        Raises:
            UserError: if the folder cannot be written or has no room.
        """
        super().__init__(shape)
        self.folder = folder
        self.size = int(np.prod(shape[1:]))
        self.rows = rows_per_file(self.size, shard_bytes)
        self._words = words
        shards = range(-(-len(self) // self.rows))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._sweep()
            intact = self._intact()
            missing = [shard for shard in shards if shard not in intact]
            self._need_room(missing)
            intact.update(self._build(fill, missing, len(intact), report, threads))
            self._files = [os.open(intact[shard], os.O_RDONLY) for shard in shards]
        except OSError as error:
            raise UserError(
                f"the {words.images} could not be written to {folder}: "
                f"{error.strerror}.\nChoose another --cache_dir, {words.otherwise}."
            ) from error
        weakref.finalize(self, _close, self._files)

    def read(self, ids: np.ndarray) -> np.ndarray:
        """As `LazyImages.read`."""
        images = np.empty((len(ids), self.size), np.uint8)
        for row, number in zip(images, ids.tolist()):
            shard, place = divmod(number, self.rows)
            if not 0 <= number < len(self):
                raise IndexError(f"image {number} of {len(self)}")
            pixels = os.pread(self._files[shard], self.size, place * self.size)
            if len(pixels) != self.size:
                raise UserError(
                    f"{self.folder} was changed while it was read.\n"
                    "Run the command again: what is missing there is made again."
                )
            row[:] = np.frombuffer(pixels, np.uint8)
        return images.reshape((-1, *self.shape[1:]))

    def _sweep(self) -> None:
        """Removes what builds that were killed left behind; others may be at work."""
        for path in self.folder.glob(".[0-9]*-*.tmp"):
            builder = int(path.name[1:].partition("-")[0])
            try:
                os.kill(builder, 0)
            except ProcessLookupError:
                path.unlink(missing_ok=True)
            except PermissionError:  # alive, and somebody else's
                continue

    def _intact(self) -> Dict[int, pathlib.Path]:
        """The files that are there and hold what their names say."""
        found: Dict[int, pathlib.Path] = {}
        title = f"checking the {self._words.images}"
        progress = Progress(title, "files", after=PATIENCE)
        there = [*_shards(self.folder)]
        for done, (path, index, digest) in enumerate(there):
            progress.update(done, len(there))
            with path.open("rb") as file:
                actual = hashlib.sha256()
                for block in iter(lambda: file.read(1 << 20), b""):
                    actual.update(block)
            damaged = actual.hexdigest() != digest
            size = self._rows_of(index) * self.size
            if not damaged and path.stat().st_size == size:
                found[index] = path
                continue
            if damaged:  # rather than one that has more or fewer images now
                words = f"{path.name} is damaged and is made again"
                progress.say(f"{self._words.images}: {words}")
            path.unlink()
        progress.update(len(there), len(there))
        progress.close()
        return found

    def _rows_of(self, shard: int) -> int:
        """Images in a file; the last one has what is left."""
        return min(self.rows, len(self) - shard * self.rows)

    def _need_room(self, shards: List[int]) -> None:
        needed = sum(map(self._rows_of, shards)) * self.size
        free = room(self.folder)
        if needed > free:
            raise UserError(
                f"the {self._words.images} need {size_text(needed)} in "
                f"{self.folder}, {size_text(free)} are free.\n"
                f"Choose another --cache_dir, {self._words.otherwise}."
            )

    def _build(
        self,
        fill: Fill,
        missing: List[int],
        done: int,
        report: Optional[Report],
        threads: Optional[int],
    ) -> Dict[int, pathlib.Path]:
        built: Dict[int, pathlib.Path] = {}
        workers = threads or os.cpu_count()
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            jobs = {
                pool.submit(self._build_shard, fill, shard): shard for shard in missing
            }
            try:
                for job in concurrent.futures.as_completed(jobs):
                    built[jobs[job]] = job.result()
                    if report:
                        made = (done + len(built)) * self.rows
                        report(min(made, len(self)), len(self))
            except BaseException:  # an interruption too: keep no queued file going
                for job in jobs:
                    job.cancel()
                raise
        return built

    def _build_shard(self, fill: Fill, shard: int) -> pathlib.Path:
        beside = self.folder / f".{os.getpid()}-{shard}.tmp"
        try:
            images = np.empty((self._rows_of(shard), *self.shape[1:]), np.uint8)
            fill(shard * self.rows, images)
            digest = hashlib.sha256(images.data).hexdigest()
            with beside.open("wb") as file:
                file.write(images.data)
                file.flush()
                os.fsync(file.fileno())
            final = self.folder / f"shard-{shard:05d}-{digest}.u8"
            os.replace(beside, final)
        finally:
            beside.unlink(missing_ok=True)
        return final


def _close(files: List[int]) -> None:
    for file in files:
        os.close(file)


def rows_per_file(image_bytes: int, shard_bytes: int = SHARD_BYTES) -> int:
    """Images in a file that is about as large as asked for."""
    return max(1, shard_bytes // image_bytes)


def missing_bytes(folder: pathlib.Path, nbytes: int) -> int:
    """How many of the bytes of all images a folder lacks."""
    return nbytes - sum(path.stat().st_size for path, _, _ in _shards(folder))


def _shards(folder: pathlib.Path) -> Iterator[Tuple[pathlib.Path, int, str]]:
    """Files that have the name of a shard, with its index and digest; no others."""
    for path in folder.glob("shard-*.u8"):
        name = re.fullmatch(r"shard-([0-9]{5,9})-([0-9a-f]{64})\.u8", path.name)
        if name and path.is_file():
            yield path, int(name[1]), name[2]


def takes(folder: pathlib.Path, nbytes: int) -> bool:
    """Whether `nbytes` can be written to a folder and leave as much room again."""
    ground = _ground(folder)
    writable = ground.is_dir() and os.access(ground, os.W_OK | os.X_OK)
    return writable and room(folder) > 2 * nbytes


def room(folder: pathlib.Path) -> int:
    """Free bytes where `folder` is or would be made."""
    return shutil.disk_usage(_ground(folder)).free


def _ground(folder: pathlib.Path) -> pathlib.Path:
    """The folder or, before it is made, the closest of its parents that exists."""
    while not os.path.exists(folder):  # pathlib's raises where it may not look
        folder = folder.parent
    return folder
