"""Stores of augmented copies: on disk, in memory, or virtual (made on access).

All three return the same images (`copies.py`), so training is bit-identical with each.
A store is a function from items, int64 [n], to images, uint8 [n, H, W, C], that can be
called inside `tf.data`.
"""

from __future__ import annotations

import functools
import pathlib
from typing import Callable, List, Optional

import numpy as np
import tensorflow as tf

from mixdmt_tf import remote
from mixdmt_tf.data import in_memory
from mixdmt_tf.data.classification.copies import Copies
from mixdmt_tf.data.lazy_images import Held, gatherer
from mixdmt_tf.data.part import Part
from mixdmt_tf.data.shard_files import ShardFiles
from mixdmt_tf.data.shards import (
    SHARD_BYTES,
    Report,
    Shards,
    Words,
    missing_bytes,
    takes,
)
from mixdmt_tf.data.tracing import as_it_is

Store = Callable[[tf.Tensor], tf.Tensor]

WORDS = Words(
    "augmented copies",
    "fewer --copies, or --copies_store=virtual (the images are the same)",
)
CHUNK = 512  # images that one thread makes at a time


def open_store(
    copies: Copies,
    kind: str,
    cache_dir: pathlib.Path,
    report: Optional[Report] = None,
    say: Callable[[str], None] = print,
    read: Optional[int] = None,
) -> Store:
    """Opens the store of augmented copies, and builds it if needed.

    Args:
        copies: the copies to store.
        kind: 'disk', 'memory', 'virtual' or 'auto'. 'auto' means virtual if each copy
            is used at most once, or `cache_dir` has no room for twice the missing
            images; disk otherwise.
        cache_dir: folder of all disk stores.
        report: called with (done, total) while images are made.
        say: called with a sentence on the chosen store.
        read: number of copies that the run uses, counting repetitions; None: unknown.

    Raises:
        UserError: if the images do not fit where they are to be stored.
    """
    if copies.plain:
        return copies.maker()
    size = _size(copies)
    folder = _folder(copies, cache_dir)
    if kind == "auto":
        reason = _auto(copies, folder, read)
        kind = "virtual" if reason else "disk"
        if reason:
            say(f"copies: made on the fly, {reason}")
    if kind == "virtual":
        return copies.maker()
    if kind == "memory" or missing_bytes(folder, copies.nbytes) > 0:
        _warn_of_too_many(copies, read, say)
    if kind == "memory":
        say(f"copies: {len(copies):,} images in memory, {size}")
        return _in_memory(copies, report)
    say(f"copies: {len(copies):,} images in {folder}, {size}")
    return gatherer(OnDisk(copies, folder, report, SHARD_BYTES))


def on_disk(
    copies: Copies, kind: str, cache_dir: pathlib.Path, read: Optional[int] = None
) -> bool:
    """Whether `open_store` with the same arguments reads the copies from files."""
    if copies.plain or kind not in ("auto", "disk"):
        return False
    return kind == "disk" or not _auto(copies, _folder(copies, cache_dir), read)


def make_part(
    copies: Copies,
    cache_dir: pathlib.Path,
    part: Part,
    report: Optional[Report] = None,
    say: Callable[[str], None] = print,
    read: Optional[int] = None,
) -> List[Part]:
    """Makes the missing files of one part of the store on disk.

    Args:
        copies: the copies to store.
        cache_dir: folder of all disk stores.
        part: part of the files to make.
        report: called with (done, total) images of the part.
        say: called with a sentence on where the copies are.
        read: number of copies that the run uses, counting repetitions; None: unknown.

    Returns:
        The parts with missing files. Opening the store makes these files.

    Raises:
        UserError: if the folder cannot be written or has no room.
    """
    if copies.plain:
        say("copies: none, the images are used as they are")
        return []
    folder, make = _folder(copies, cache_dir), traced(copies)
    shape = (len(copies), *copies.item_shape)
    files = ShardFiles(folder, shape, WORDS, SHARD_BYTES)
    if missing_bytes(folder, copies.nbytes) > 0:
        _warn_of_too_many(copies, read, say)
    say(
        f"copies: part {part} of {len(copies):,} images in {folder}, "
        f"{len(part.range(files.number))} of {files.number} files"
    )
    with files.explained():
        files.complete(functools.partial(_fill, copies, make), report, part=part)
    return part.lacking(files.number, files.missing())


def _folder(copies: Copies, cache_dir: pathlib.Path) -> pathlib.Path:
    folder = cache_dir / f"copies-{copies.key()[:24]}"
    remote.bring(folder)
    return folder


def _auto(copies: Copies, folder: pathlib.Path, read: Optional[int]) -> str:
    """Decides 'auto': returns '' for disk, or the reason for virtual.

    Existing files of the store are taken into account, so that a resumed run decides as
    before.
    """
    missing = missing_bytes(folder, copies.nbytes)
    if missing <= 0:
        return ""
    if read is not None and read <= len(copies):
        # Each copy is used at most once, so writing it to disk first gains nothing.
        return f"the run takes {read:,} of {len(copies):,}"
    if not takes(folder, missing):
        return f"{folder.parent} cannot take {_size(copies)}"
    return ""


def _warn_of_too_many(
    copies: Copies, read: Optional[int], say: Callable[[str], None]
) -> None:
    """Warns if a run uses only few of the copies that are about to be made.

    All of them are made nevertheless: those that a run uses are spread over all of
    them, and longer runs and other methods can use them too.
    """
    if read is None or read >= len(copies):
        return
    fewer = max(1, read // len(copies.ids))
    say(
        f"warning: {len(copies):,} copies are made, {_size(copies)}, and the run reads "
        f"{read:,}: with --copies_store=auto it makes those while it trains; "
        f"--copies={fewer} makes fewer"
    )


def _size(copies: Copies) -> str:
    return f"{copies.nbytes / 1e6:,.0f} MB"


def _in_memory(copies: Copies, report: Optional[Report]) -> Store:
    images = in_memory.empty(
        (len(copies), *copies.item_shape),
        "--copies_store=memory",
        "Use --copies_store=disk or virtual (the images are the same).",
    )
    _fill(copies, traced(copies), 0, images)
    if report:
        report(len(copies), len(copies))
    # A tf.constant would be a second copy of all images.
    return gatherer(Held(images))


def traced(copies: Copies) -> Store:
    """Returns the function that makes copies as a graph. Thread-safe."""
    return tf.function(
        as_it_is(copies.maker()), input_signature=[tf.TensorSpec([None], tf.int64)]
    )


def _fill(copies: Copies, make: Store, first: int, out: np.ndarray) -> None:
    """Writes the items first, first + 1, ... into the rows of `out`."""
    for start in range(0, len(out), CHUNK):
        stop = min(start + CHUNK, len(out))
        items = np.arange(first + start, first + stop, dtype=np.int64)
        out[start:stop] = make(tf.constant(items)).numpy()


class OnDisk(Shards):
    """Augmented copies in files, of which the missing ones are made."""

    def __init__(
        self,
        copies: Copies,
        folder: pathlib.Path,
        report: Optional[Report] = None,
        shard_bytes: int = SHARD_BYTES,
    ):
        """Checks the existing files and makes the missing ones.

        Args:
            copies: the copies to store.
            folder: folder of this store, made if missing.
            report: called with (done, total) after each shard.
            shard_bytes: size of a shard, rounded to whole images.

        Raises:
            UserError: if the folder cannot be written or has no room.
        """
        make = traced(copies)
        super().__init__(
            folder,
            (len(copies), *copies.item_shape),
            functools.partial(_fill, copies, make),
            WORDS,
            report,
            shard_bytes,
        )
