"""Reads images and labels prepared by TensorFlow Datasets.

Small data sets are read into memory. Large data sets are read on access if their files
have random access (array_record); others (tfrecord) are read once into the cache on
disk (`data/shards.py`). Images are always in the order of the files: an id is a row.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import pathlib
from typing import Any, Iterator, List, Sequence

import numpy as np
import tensorflow_datasets as tfds

from mixdmt_tf import bounds
from mixdmt_tf.data import in_memory, shards
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.classification.source import Images
from mixdmt_tf.data.lazy_images import IN_MEMORY, LazyImages
from mixdmt_tf.data.tracing import untuned
from mixdmt_tf.files import DAMAGES, size_text, write_bytes_atomically
from mixdmt_tf.progress import Progress

READ_BATCH = 512
WORDS = shards.Words("decoded images", "or --image_store=memory (the same images)")
RANDOM_ACCESS = ("array_record",)


def open_images(
    builder: Any, folder: pathlib.Path, splits: Sequence[str], config: Config
) -> Images:
    """Opens the images of several splits, concatenated.

    Args:
        builder: builder of TensorFlow Datasets.
        folder: folder of the prepared data.
        splits: names of the splits.
        config: settings; `image_store` and `cache_dir` are used.

    Raises:
        UserError: if the images fit neither on disk nor into memory, or do not fit
            where they are to be stored.
        Exception: any exception, if files are damaged.
    """
    files = _Files(builder, splits)
    if builder.info.file_format.value in RANDOM_ACCESS:
        files = _RandomAccess(builder, splits)
    nbytes = int(np.prod(files.shape))
    cache = config.cache_folder() / f"decoded-{_key(folder, splits)}"
    kind, asked = config.image_store, "--image_store=memory"
    if kind in ("auto", "virtual"):
        if nbytes > IN_MEMORY and isinstance(files, LazyImages):
            return Images(files, _labels(files, cache))
        virtual, kind = kind == "virtual", "memory"
        if nbytes > IN_MEMORY:
            asked = f"{cache.parent} has no room for the images; to hold them in memory"
            if shards.takes(cache, shards.missing_bytes(cache, nbytes)):
                kind = "disk"
            _say_where(builder, cache, kind, nbytes, virtual)
    if kind == "memory":
        images = in_memory.empty(
            files.shape,
            asked,
            "Give a --cache_dir with room, and --image_store=disk (the same images).",
        )
        return Images(images, files.everything(images))
    with contextlib.closing(Progress("reading images", "images")) as progress:
        images = shards.Shards(
            cache, files.shape, files.fill, WORDS, progress.update, threads=1
        )
    return Images(images, _labels(files, cache))


def _say_where(
    builder: Any, cache: pathlib.Path, kind: str, nbytes: int, virtual: bool
) -> None:
    """Prints where images are stored, if it is not as requested or by default."""
    reasons = []
    if virtual:
        reasons += [
            f"--image_store=virtual reads {RANDOM_ACCESS[0]} alone, these files are "
            f"{builder.info.file_format.value}"
        ]
    if kind == "memory":
        reasons += [f"{cache.parent} has no room for {size_text(nbytes)}"]
    if reasons:
        place = cache if kind == "disk" else "memory"
        print(f"images: in {place}, since {' and '.join(reasons)}", flush=True)


class _Files:
    """Files that are read sequentially."""

    def __init__(self, builder: Any, splits: Sequence[str]):
        self._builder = builder
        self._sizes = {each: builder.info.splits[each].num_examples for each in splits}
        shape = builder.info.features["image"].shape
        self.shape = (sum(self._sizes.values()), *shape)

    def everything(self, images: np.ndarray) -> np.ndarray:
        """Reads all images into an array, and returns their labels, int32 [N]."""
        labels = np.empty(len(images), np.int32)
        rows = 0
        for batch in self._batches(0, len(images), {"image": True, "label": True}):
            done = slice(rows, rows + len(batch["label"]))
            images[done], labels[done] = batch["image"], batch["label"]
            rows = done.stop
        return labels

    def fill(self, first: int, out: np.ndarray) -> None:
        """Some images; see `shards.Fill`."""
        rows = 0
        for batch in self._batches(first, first + len(out), {"image": True}):
            out[rows : rows + len(batch["image"])] = batch["image"]
            rows += len(batch["image"])

    def labels(self) -> np.ndarray:
        """All labels, int32 [N]."""
        batches = self._batches(0, self.shape[0], {"label": True})
        return np.concatenate([batch["label"] for batch in batches]).astype(np.int32)

    def _batches(self, start: int, stop: int, features: Any) -> Iterator[Any]:
        """Yields examples `start` to `stop` of all splits together, in batches."""
        # Files in order: the default interleaving depends on their number.
        # A file truncated between two images is only noticed by counting.
        in_order = tfds.ReadConfig(
            interleave_cycle_length=1, try_autocache=False, assert_cardinality=True
        )
        before = 0
        for split, size in self._sizes.items():
            low, high = max(start - before, 0), min(stop - before, size)
            before += size
            if low >= high:
                continue
            whole = (low, high) == (0, size)
            examples = self._builder.as_dataset(
                split=split if whole else f"{split}[{low}:{high}]",
                shuffle_files=False,
                read_config=in_order,
                decoders=tfds.decode.PartialDecoding(features),
            )
            batches = examples.batch(READ_BATCH).prefetch(2)
            yield from untuned(batches).as_numpy_iterator()


class _RandomAccess(LazyImages):
    """Files with random access."""

    def __init__(self, builder: Any, splits: Sequence[str]):
        self._images = [builder.as_data_source(split) for split in splits]
        raw = {"image": tfds.decode.SkipDecoding()}
        self._raw = [builder.as_data_source(each, decoders=raw) for each in splits]
        self._starts = np.cumsum([0] + [len(split) for split in self._images])
        shape = builder.info.features["image"].shape
        super().__init__((int(self._starts[-1]), *shape))

    def read(self, ids: np.ndarray) -> np.ndarray:
        """See `LazyImages.read`."""
        images = np.empty((len(ids), *self.shape[1:]), np.uint8)
        for row, number in zip(images, ids):
            split = int(np.searchsorted(self._starts, number, "right")) - 1
            place = int(number - self._starts[split])
            row[:] = self._images[split][place]["image"]
        return images

    def fill(self, first: int, out: np.ndarray) -> None:
        """Some images; see `shards.Fill`."""
        for start in range(0, len(out), READ_BATCH):
            part = out[start : start + READ_BATCH]
            part[:] = self.read(first + start + np.arange(len(part)))

    def everything(self, images: np.ndarray) -> np.ndarray:
        """Reads all images into an array, and returns their labels, int32 [N]."""
        self.fill(0, images)
        return self.labels()

    def labels(self) -> np.ndarray:
        """All labels, int32 [N]."""
        found: List[int] = []
        for split in self._raw:
            found += [split[row]["label"] for row in range(len(split))]
        return np.array(found, np.int32)


def _labels(files: Any, cache: pathlib.Path) -> np.ndarray:
    """Returns all labels, from the cache if possible, in a file named by its digest."""
    for place in cache.glob("labels-*.npy"):
        with contextlib.suppress(*DAMAGES):  # otherwise they are read and written again
            content = bounds.read_bytes(place, bounds.INDEX_BYTES)
            if place.name == _labels_name(content):
                return np.load(io.BytesIO(content), allow_pickle=False)
            place.unlink()
    labels, buffer = files.labels(), io.BytesIO()
    np.save(buffer, labels)
    content = buffer.getvalue()
    with contextlib.suppress(OSError):  # they are read again next time
        cache.mkdir(parents=True, exist_ok=True)
        write_bytes_atomically(cache / _labels_name(content), content)
    return labels


def _labels_name(content: bytes) -> str:
    return f"labels-{hashlib.sha256(content).hexdigest()}.npy"


def _key(folder: pathlib.Path, splits: Sequence[str]) -> str:
    """Returns a digest of the files and of the splits that are read."""
    files = [
        (path.name, path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(folder.iterdir())
    ]
    text = json.dumps([1, str(folder.resolve()), list(splits), files])
    return hashlib.sha256(text.encode()).hexdigest()[:24]
