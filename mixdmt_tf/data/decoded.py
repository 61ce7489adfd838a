"""Decodes image files once and caches the pixels at the requested size.

All files have to be decoded to know which of them can't be used. The decoded images are
kept on disk (`shards.py`), so that the next command, and every epoch, only reads
pixels. A file is identified by its path, size and modification time, and is decoded
again if one of them changes. New files are added to the cache:

    CACHE/decoded-<key of folder and size>/
        files.npz           path, bytes and time of each image, in order
        problems-<n>.json   problems of images of the shard, by number, with a digest
        shard-<n>-<sha>.u8  the pixels
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import math
import pathlib
import threading
from typing import Any, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from mixdmt_tf.data import image_files, in_memory, problem_files, shards
from mixdmt_tf.data.bands import Bands
from mixdmt_tf.data.file_facts import FileFacts
from mixdmt_tf.data.image_files import Problems
from mixdmt_tf.data.lazy_images import IN_MEMORY, ImageArray, LazyImages, Taken
from mixdmt_tf.errors import UserError
from mixdmt_tf.files import DAMAGES, lock
from mixdmt_tf.progress import Progress

VERSION = 1  # raise when pixels change
GARBAGE = 1000  # the cache is rebuilt if it has more images of files that are gone
CHUNK = 256  # files between two updates of the progress, where nothing is kept
WORDS = shards.Words(
    "decoded images", "or --image_store=virtual (the images are the same)"
)


class InFiles(LazyImages):
    """Image files that are decoded at each access."""

    def __init__(
        self, paths: Sequence[pathlib.Path], size: int, bands: Optional[Bands] = None
    ):
        """Stores the paths; reads nothing yet.

        Args:
            paths: paths of the files.
            size: height and width.
            bands: channels and value range, if they are not photographs.
        """
        super().__init__((len(paths), size, size, image_files.channels(bands)))
        self._paths, self._bands = paths, bands

    def read(self, ids: np.ndarray) -> np.ndarray:
        """See `LazyImages.read`; raises a UserError for files that can't be used."""
        some = [self._paths[i] for i in ids]
        return image_files.read(some, self.shape[1], self._bands)


@dataclasses.dataclass(frozen=True, eq=False)
class Decoded:
    """Decoded files.

    Attributes:
        images: uint8 [N, S, S, C], a row for each file.
        problems: descriptions of the problems of unusable files, by row.
    """

    images: ImageArray
    problems: Problems


def decode(
    paths: Sequence[pathlib.Path],
    root: pathlib.Path,
    size: int,
    kind: str,
    cache_dir: pathlib.Path,
    bands: Optional[Bands] = None,
) -> Decoded:
    """Decodes image files, or reads them from the cache.

    Args:
        paths: paths of the files.
        root: folder that contains the files; the cache has a folder for each root.
        size: height and width to which images are resized.
        kind: where to keep images, a value of `Config.image_store`.
        cache_dir: folder of the cache.
        bands: channels and value range, if they are not photographs.

    Raises:
        UserError: if the images do not fit where they are to be kept.
    """
    shape = (len(paths), size, size, image_files.channels(bands))
    nbytes = math.prod(shape)
    folder = cache_dir / f"decoded-{_key(root, size, bands)}"
    small = nbytes <= IN_MEMORY
    on_disk = kind == "disk"
    if kind == "auto":
        on_disk = shards.takes(folder, shards.missing_bytes(folder, nbytes))
    if on_disk:
        found = _Kept(folder, root, size, bands).decode(paths)
        if small and kind == "auto":
            return Decoded(np.asarray(found.images), found.problems)
        return found
    with contextlib.closing(_Counter(len(paths))) as counter:
        if kind == "memory" or (small and kind == "auto"):
            images = in_memory.empty(
                shape,
                f"--image_store={kind}",
                "Use --image_store=disk or virtual (the images are the same).",
            )
            return Decoded(
                images, image_files.decode(paths, images, counter.add, bands)
            )
        found = InFiles(paths, size, bands)
        return Decoded(found, _check(paths, size, counter, bands))


def _key(root: pathlib.Path, size: int, bands: Optional[Bands]) -> str:
    facts = [VERSION, str(root.resolve()), size]
    text = json.dumps(facts + ([dataclasses.astuple(bands)] if bands else []))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _check(
    paths: Sequence[pathlib.Path], size: int, counter: _Counter, bands: Optional[Bands]
) -> Problems:
    """Finds the problems of files without keeping any pixels."""
    problems: Problems = {}
    for start in range(0, len(paths), CHUNK):
        some = paths[start : start + CHUNK]
        out = np.empty((len(some), size, size, image_files.channels(bands)), np.uint8)
        found = image_files.decode(some, out, counter.add, bands)
        problems.update({start + row: problem for row, problem in found.items()})
    return problems


class _Counter:
    """Thread-safe count of the files read, with a progress line."""

    def __init__(self, total: int):
        self._total, self._done = total, 0
        self._lock = threading.Lock()
        self._progress = Progress("reading images", "images")

    def add(self, number: int) -> None:
        with self._lock:
            self._done += number
            self._progress.update(self._done, self._total)

    def close(self) -> None:
        self._progress.close()


class _Kept:
    """The cache of one folder of images at one size."""

    def __init__(self, folder: pathlib.Path, root: pathlib.Path, size: int, bands: Any):
        self.folder, self.root, self.bands = folder, root, bands
        self.shape = (size, size, image_files.channels(bands))
        self.rows = shards.rows_per_file(math.prod(self.shape), shards.SHARD_BYTES)

    def decode(self, paths: Sequence[pathlib.Path]) -> Decoded:
        """Decodes the images that are not in the cache."""
        wanted = FileFacts.of(paths, self.root)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._alone():
                known, ids = self._known(wanted)
                self._distrust(known, ids)
                images = self._images(known)
        except OSError as error:
            raise UserError(
                f"the {WORDS.images} could not be written to {self.folder}: "
                f"{error.strerror}.\nChoose another --cache_dir, {WORDS.otherwise}."
            ) from error
        faults: Problems = {}
        for first in range(0, len(known), self.rows):
            some = self._problems(first)
            if some is None:  # the file was read or written just before
                raise UserError(
                    f"{self._place(first)} was changed while it was read.\n"
                    "Run the command again: missing files are made again."
                )
            faults.update(some)
        bad = np.flatnonzero(np.isin(ids, [*faults])).tolist()
        problems = {row: faults[int(ids[row])] for row in bad}
        return Decoded(Taken(images, ids), problems)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Waits for other processes that decode the same images."""
        with (self.folder / ".lock").open("a") as file:
            if lock(file) is False:
                print("waiting: another process is reading these images", flush=True)
                lock(file, wait=True)
            yield

    def _known(self, wanted: FileFacts) -> Tuple[FileFacts, np.ndarray]:
        """Returns the files of the cache, with new ones at the end.

        Returns:
            Facts of the files, and the rows of the wanted ones, int64 [wanted].
        """
        index = self.folder / "files.npz"
        known = FileFacts.none()
        try:
            known = FileFacts.read(index, wanted)
        except FileNotFoundError:
            self._forget()
        except DAMAGES:
            print(f"{index} is damaged: all images are read again", flush=True)
            self._forget()
        ids = known.places(wanted)
        gone = len(known) - len(np.unique(ids[ids >= 0]))
        if gone > max(GARBAGE, len(wanted)):
            self._forget()
            known, ids = FileFacts.none(), np.full(len(wanted), -1, np.int64)
        new = np.flatnonzero(ids < 0)
        if len(new) == len(wanted) and not len(known):
            known, ids = wanted, np.arange(len(wanted))
        elif len(new):
            known = known.joined(wanted.take(new))
            ids[new] = np.arange(len(known) - len(new), len(known))
        if len(new):
            known.write(index)
        return known, ids

    def _forget(self) -> None:
        """Removes all images, if their files are unknown or too many are gone."""
        for pattern in ("shard-*.u8", "problems-*.json", "files.*"):
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)

    def _distrust(self, known: FileFacts, ids: np.ndarray) -> None:
        """Removes shards with a file that could not be used before and now can.

        The cause may have been one that does not show in the modification time.
        """
        wanted = np.zeros(len(known), bool)
        wanted[ids] = True
        for path, shard, _ in shards.shards_in(self.folder):
            problems = self._problems(shard * self.rows)
            bad = [
                self.root / known.path(number)
                for number in problems or ()
                if number < len(known) and wanted[number]
            ]
            out = np.empty((len(bad), *self.shape), np.uint8)
            found = image_files.decode(bad, out, bands=self.bands)
            if problems is None or len(found) < len(bad):
                path.unlink(missing_ok=True)

    def _images(self, known: FileFacts) -> shards.Shards:
        counter: List[_Counter] = []

        def fill(first: int, out: np.ndarray) -> None:
            if not counter:  # the first missing shard; earlier ones were there
                counter.append(_Counter(len(known)))
                counter[0].add(first)
            rows = range(first, first + len(out))
            paths = [self.root / known.path(row) for row in rows]
            problems = image_files.decode(paths, out, counter[0].add, self.bands)
            for row in FileFacts.of(paths, self.root).differing(known, first):
                problems.setdefault(row, "changed since its size and time were noted")
            found = {first + row: what for row, what in problems.items()}
            problem_files.write(self._place(first), found)  # before the shard is there

        shape = (len(known), *self.shape)
        try:
            # Shards are made one by one, as the images of each are decoded in parallel.
            return shards.Shards(
                self.folder, shape, fill, WORDS, None, shards.SHARD_BYTES, threads=1
            )
        finally:
            for each in counter:
                each.close()

    def _place(self, first: int) -> pathlib.Path:
        """Returns the problem file of the shard that begins with image `first`."""
        return self.folder / f"problems-{first:08}.json"

    def _problems(self, first: int) -> Optional[Problems]:
        """Returns the problems of this shard by image; None if they are unknown."""
        return problem_files.read(self._place(first), range(first, first + self.rows))
