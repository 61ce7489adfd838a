"""Where augmented copies live: on a disk, in memory, or nowhere until asked for.

All three hold the same images (`copies.py`), so training is bit-identical with any.
A store is a function from items, int64 [n], to images, uint8 [n, H, W, C], that can
be called inside `tf.data`.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import os
import pathlib
import shutil
from typing import Callable, Dict, List, Optional

import numpy as np
import tensorflow as tf

from mixdmt_tf.data.classification.copies import Copies
from mixdmt_tf.errors import UserError

Store = Callable[[tf.Tensor], tf.Tensor]
Report = Callable[[int, int], None]  # images made so far, of how many

SHARD_BYTES = 64 << 20
CHUNK = 512  # images that one thread makes at a time


def open_store(
    copies: Copies,
    kind: str,
    cache_dir: pathlib.Path,
    report: Optional[Report] = None,
    say: Callable[[str], None] = print,
) -> Store:
    """Opens (and builds where needed) the store of these copies.

    Args:
        copies: which images.
        kind: 'disk', 'memory', 'virtual' or 'auto': disk where `cache_dir` has room for
            twice the images that are not there yet, virtual otherwise.
        cache_dir: the folder of all disk stores.
        report: called with (done, total) while images are made.
        say: receives a sentence on what was chosen.

    Raises:
        UserError: if the images do not fit where they were asked to go.
    """
    if copies.plain:
        return copies.maker()
    size = f"{copies.nbytes / 1e6:,.0f} MB"
    folder = cache_dir / f"copies-{copies.key()[:24]}"
    if kind == "auto":
        kind = "disk" if _disk_will_do(copies, folder) else "virtual"
        if kind == "virtual":
            say(f"copies: made on the fly, {cache_dir} cannot take {size}")
    if kind == "virtual":
        return copies.maker()
    if kind == "memory":
        say(f"copies: {len(copies):,} images in memory, {size}")
        return _in_memory(copies, report)
    say(f"copies: {len(copies):,} images in {folder}, {size}")
    return OnDisk(copies, folder, report).gather


def _disk_will_do(copies: Copies, folder: pathlib.Path) -> bool:
    """Whether what `folder` lacks can be written and leaves as much room again.

    A store that was begun or finished counts, so that a resumed run decides as before.
    """
    there = sum(path.stat().st_size for path in folder.glob("shard-*.u8"))
    missing = copies.nbytes - there
    ground = _ground(folder)
    writable = ground.is_dir() and os.access(ground, os.W_OK | os.X_OK)
    return missing <= 0 or (writable and _room(folder) > 2 * missing)


def _ground(folder: pathlib.Path) -> pathlib.Path:
    """The folder or, before it is made, the closest of its parents that exists."""
    while not os.path.exists(folder):  # pathlib's raises where it may not look
        folder = folder.parent
    return folder


def _room(folder: pathlib.Path) -> int:
    """Free bytes where `folder` is or would be made."""
    return shutil.disk_usage(_ground(folder)).free


def _in_memory(copies: Copies, report: Optional[Report]) -> Store:
    available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if copies.nbytes > available:
        raise UserError(
            f"--copies_store=memory needs {copies.nbytes / 1e9:.1f} GB, "
            f"{available / 1e9:.1f} GB are free.\n"
            "Use --copies_store=disk or virtual (the images are the same)."
        )
    pictures = np.empty((len(copies),) + copies.item_shape, np.uint8)
    _fill(copies, traced(copies), 0, pictures)
    if report:
        report(len(copies), len(copies))

    def gather(items: tf.Tensor) -> tf.Tensor:
        # A tf.constant would be a second copy of everything.
        taken = tf.numpy_function(pictures.__getitem__, [items], tf.uint8)
        return tf.ensure_shape(taken, (None,) + copies.item_shape)

    return gather


def traced(copies: Copies) -> Store:
    """The maker of the copies as one graph, callable from several threads."""
    return tf.function(
        copies.maker(), input_signature=[tf.TensorSpec([None], tf.int64)]
    )


def _fill(copies: Copies, make: Store, first: int, out: np.ndarray) -> None:
    """Writes the items first, first + 1, ... into the rows of `out`."""
    for start in range(0, len(out), CHUNK):
        stop = min(start + CHUNK, len(out))
        items = np.arange(first + start, first + stop, dtype=np.int64)
        out[start:stop] = make(tf.constant(items)).numpy()


class OnDisk:
    """Memory-mapped shards of raw pixels, each named after its own digest.

    A shard is written beside, synced and renamed to `shard-<index>-<sha256>.u8`, so a
    file under that name is complete; opening checks every digest and makes damaged
    shards again. An interrupted build resumes with the first missing shard. No more
    than one shard per thread is ever held in memory.
    """

    def __init__(
        self,
        copies: Copies,
        folder: pathlib.Path,
        report: Optional[Report] = None,
        shard_bytes: int = SHARD_BYTES,
    ):
        """Checks what is there and makes what is missing.

        Args:
            copies: which images.
            folder: the store's own folder, made if missing.
            report: called with (done, total) after each shard.
            shard_bytes: size of a shard, rounded to whole images.

        Raises:
            UserError: if the folder cannot be written or has no room.
        """
        self.folder = folder
        self.item_shape = copies.item_shape
        self.rows = max(1, shard_bytes // int(np.prod(self.item_shape)))
        self.total = len(copies)
        shards = range(-(-self.total // self.rows))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._sweep()
            intact = self._intact()
            missing = [shard for shard in shards if shard not in intact]
            self._need_room(missing)
            intact.update(self._build(copies, missing, len(intact), report))
        except OSError as error:
            raise UserError(
                f"the augmented copies could not be written to {folder}: "
                f"{error.strerror}.\nChoose another --cache_dir or "
                "--copies_store=virtual (the images are the same)."
            ) from error
        self._maps = [np.memmap(intact[shard], np.uint8, "r") for shard in shards]

    def gather(self, items: tf.Tensor) -> tf.Tensor:
        """Reads the images of these items; usable inside `tf.data`."""
        pictures = tf.numpy_function(self._read, [items], tf.uint8)
        return tf.ensure_shape(pictures, (None,) + self.item_shape)

    def _read(self, items: np.ndarray) -> np.ndarray:
        size = int(np.prod(self.item_shape))
        out = np.empty((len(items), size), np.uint8)
        for row, item in zip(out, items):
            shard, place = divmod(int(item), self.rows)
            row[:] = self._maps[shard][place * size : (place + 1) * size]
        return out.reshape((-1,) + self.item_shape)

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
        """The shards that are there and hold what their names say."""
        found: Dict[int, pathlib.Path] = {}
        for path in self.folder.glob("shard-*.u8"):
            _, index, digest = path.stem.split("-")
            with path.open("rb") as file:
                actual = hashlib.sha256()
                for block in iter(lambda: file.read(1 << 20), b""):
                    actual.update(block)
            size = self._rows_of(int(index)) * int(np.prod(self.item_shape))
            if actual.hexdigest() == digest and path.stat().st_size == size:
                found[int(index)] = path
            else:
                print(f"copies: {path.name} is damaged and is made again")
                path.unlink()
        return found

    def _rows_of(self, shard: int) -> int:
        """Images in a shard; the last one has what is left."""
        return min(self.rows, self.total - shard * self.rows)

    def _need_room(self, shards: List[int]) -> None:
        rows = sum(map(self._rows_of, shards))
        needed = rows * int(np.prod(self.item_shape))
        free = _room(self.folder)
        if needed > free:
            raise UserError(
                f"the augmented copies need {needed / 1e9:.1f} GB in {self.folder}, "
                f"{free / 1e9:.1f} GB are free.\nChoose another --cache_dir, fewer "
                "--copies, or --copies_store=virtual (the images are the same)."
            )

    def _build(self, copies, missing, done, report) -> Dict[int, pathlib.Path]:
        if not missing:
            return {}
        make = traced(copies)
        built = {}
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            jobs = {
                pool.submit(self._build_shard, copies, make, shard): shard
                for shard in missing
            }
            try:
                for job in concurrent.futures.as_completed(jobs):
                    built[jobs[job]] = job.result()
                    if report:
                        pictures = (done + len(built)) * self.rows
                        report(min(pictures, self.total), self.total)
            except BaseException:  # an interruption too: keep no queued shard going
                for job in jobs:
                    job.cancel()
                raise
        return built

    def _build_shard(self, copies: Copies, make: Store, shard: int) -> pathlib.Path:
        beside = self.folder / f".{os.getpid()}-{shard}.tmp"
        try:
            out = np.empty((self._rows_of(shard),) + self.item_shape, np.uint8)
            _fill(copies, make, shard * self.rows, out)
            digest = hashlib.sha256(out.data).hexdigest()
            with beside.open("wb") as file:
                file.write(out.data)
                file.flush()
                os.fsync(file.fileno())
            final = self.folder / f"shard-{shard:05d}-{digest}.u8"
            os.replace(beside, final)
        finally:
            beside.unlink(missing_ok=True)
        return final
