"""Batches of images as a pure function of (seed, step, replica), read when needed.

As in `data/classification/pipeline.py` there is no shuffle buffer and no iterator
state. The labelled and the unlabelled stream are shuffled independently, so the number
of steps of a pass through one of them does not depend on the other.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, Dict, Optional, Tuple

import numpy as np
import tensorflow as tf

from mixdmt_tf.data import draws
from mixdmt_tf.data.pixels import to_float
from mixdmt_tf.data.segmentation.image_memory import ImageMemory
from mixdmt_tf.data.segmentation.scale_crop_flip import UNIFORMS, scale_crop_flip
from mixdmt_tf.data.segmentation.source import IGNORED, Source
from mixdmt_tf.data.splits import Split
from mixdmt_tf.data.tracing import as_it_is

Batch = Dict[str, tf.Tensor]
Guesses = Callable[[int], Tuple[np.ndarray, np.ndarray]]
"""Pseudo labels of the training image with this id: classes, 255 where there is none,
uint8 [H, W], and confidence [H, W], of the size of the image."""

_Triple = Tuple[np.ndarray, np.ndarray, np.ndarray]
_Row = Tuple[tf.Tensor, ...]  # image, labels and, if unlabelled, confidence
_READERS = 4  # images read at a time


@dataclasses.dataclass(frozen=True, eq=False)
class Pipeline:
    """The training batches of one run.

    A batch is a dictionary, with (h, w) the size of the crop::

        step          int64 []
        x             float32 [labeled, h, w, channels] in [-1, 1]
        y             int32 [labeled, h, w], 255 where ignored
        u             float32 [unlabeled, h, w, channels]; this and the following only
                      with `unlabeled`
        u_label       int32 [unlabeled, h, w], 255 where ignored
        u_confidence  float32 [unlabeled, h, w], 1 without pseudo labels; 0 in the
                      padding
        u_box         float32 [unlabeled / 2, 3] in [0, 1), only with `boxes`
        u_key         int64 [unlabeled, 2], only with `keys`

    Attributes:
        source: the data set, with crop size, range of scales, and flip.
        split: split into labelled and unlabelled training images.
        seed: the run's seed.
        labeled: labelled images per step over all replicas.
        unlabeled: unlabelled images per step over all replicas.
        guesses: pseudo labels; None: all pixels are ignored.
        boxes: whether random numbers for boxes are drawn, three for each pair.
        crop: crop size, instead of that of the data set.
        scale: range of scales, instead of that of the data set.
        keys: whether each unlabelled image comes with a key for random numbers.
        memory: decoded images and labels; a replaced pipeline has its own.
    """

    source: Source
    split: Split
    seed: int
    labeled: int
    unlabeled: int = 0
    guesses: Optional[Guesses] = None
    boxes: bool = False
    crop: Optional[Tuple[int, int]] = None
    scale: Optional[Tuple[float, float]] = None
    keys: bool = False
    memory: ImageMemory = dataclasses.field(default_factory=ImageMemory, init=False)

    def dataset(
        self,
        start: int,
        stop: int,
        replicas: int = 1,
        own: Optional[range] = None,
    ) -> tf.data.Dataset:
        """Returns batches of the steps start, ..., stop - 1; replicas alternate.

        Args:
            start: first step.
            stop: one past the last step.
            replicas: number of replicas, each of which gets its share of the rows.
            own: the replicas to make batches for; None: all.

        Raises:
            ValueError: if rows can't be divided among the replicas, or unlabelled
                images are required and there are none.
        """
        streams = self._streams(replicas)
        own = range(replicas) if own is None else own

        def numbers(per_replica: int) -> tf.data.Dataset:
            """Numbers the rows of these replicas, `per_replica` in each step."""
            here, all_ = per_replica * len(own), per_replica * replicas
            found = tf.data.Dataset.range(start * here, stop * here)
            if here == all_:
                return found
            first = per_replica * own.start
            return found.map(as_it_is(lambda n: n // here * all_ + first + n % here))

        parts = [numbers(1).map(as_it_is(lambda step: self._of_step(step, replicas)))]
        for name, one in streams.items():
            share = getattr(self, name) // replicas
            # Positions of the rows of all replicas are consecutive.
            rows = numbers(share).map(
                as_it_is(one), num_parallel_calls=_READERS, deterministic=True
            )
            parts.append(rows.batch(share, drop_remainder=True))
        return tf.data.Dataset.zip(tuple(parts)).map(as_it_is(_batch)).prefetch(2)

    def maker(self, replicas: int = 1) -> Callable[[tf.Tensor, tf.Tensor], Batch]:
        """Returns a function from step and replica, int64 [], to the batch."""
        number = tf.TensorSpec([], tf.int64)
        streams = {
            name: tf.function(as_it_is(one), input_signature=[number])
            for name, one in self._streams(replicas).items()
        }
        return lambda step, replica: self._made(streams, step, replica, replicas)

    def at(self, step: int, replica: int = 0, replicas: int = 1) -> Batch:
        """Returns the batch of one step."""
        return self._made(self._streams(replicas), step, replica, replicas)

    def _made(
        self, streams: Dict[str, Any], step: Any, replica: Any, replicas: int
    ) -> Batch:
        element = tf.cast(step, tf.int64) * replicas + tf.cast(replica, tf.int64)
        cut = []
        for name, one in streams.items():
            rows = getattr(self, name) // replicas
            positions = element * rows + tf.range(rows, dtype=tf.int64)
            cut.append([tf.stack(each) for each in zip(*map(one, positions))])
        return _batch(self._of_step(element, replicas), *cut)

    def _of_step(self, element: tf.Tensor, replicas: int) -> Batch:
        """Returns the step and a replica's random numbers for unlabelled images."""
        step, pairs = element // replicas, self.unlabeled // 2
        batch, drawn = {"step": step}, {}  # for the whole batch, as rows are
        if self.boxes:
            key = draws.step_key(self.seed, "boxes", step)
            drawn["u_box"] = draws.uniform(key, [pairs, 3])
        if self.keys:
            drawn["u_key"] = draws.row_keys(self.seed, "keys", step, self.unlabeled)
        for name, numbers in drawn.items():
            rows = numbers.shape[0] // replicas
            batch[name] = numbers[(element % replicas) * rows :][:rows]
        return batch

    def _streams(self, replicas: int) -> Dict[str, Callable[[tf.Tensor], _Row]]:
        """Returns functions that make a row of each stream from its position."""
        streams = {"labeled": self._known}
        if self.unlabeled:
            streams["unlabeled"] = self._guessed
        for name in streams:
            rows = getattr(self, name)
            if rows % replicas:
                raise ValueError(
                    f"{rows} images cannot be shared by {replicas} replicas"
                )
            if not len(getattr(self.split, name)):
                raise ValueError(f"the split has no {name} images")
        if self.boxes and self.unlabeled % (2 * replicas):
            raise ValueError(
                f"{self.unlabeled} unlabelled images for {replicas} replicas make no "
                "pairs"
            )
        return {name: self._rows(name, read) for name, read in streams.items()}

    def _rows(
        self, name: str, read: Callable[[int], _Triple]
    ) -> Callable[[tf.Tensor], _Row]:
        total = getattr(self, name)
        pool = getattr(self.split, name)

        def one(position: tf.Tensor) -> _Row:
            drawn = draws.shuffled(self.seed, name, position[None], len(pool))[0]
            sample_id = tf.gather(tf.constant(pool, tf.int64), drawn)
            # Drawn for the whole batch: a row doesn't depend on the replicas' number.
            key = draws.step_key(self.seed, f"{name}/joint", position // total)
            uniforms = draws.uniform(key, [total, UNIFORMS])[position % total]
            row = self._cut(read, sample_id, uniforms)
            return row[:2] if name == "labeled" else row

        return one

    def _cut(
        self, read: Callable[[int], _Triple], sample_id: tf.Tensor, uniforms: tf.Tensor
    ) -> _Row:
        kinds = (tf.uint8, tf.uint8, tf.float32)
        # Not stateful, so that several may be read at a time.
        image, labels, confidence = tf.numpy_function(
            read, [sample_id], kinds, stateful=False
        )
        return scale_crop_flip(
            tf.ensure_shape(image, [None, None, self.source.channels]),
            tf.ensure_shape(labels, [None, None]),
            tf.ensure_shape(confidence, [None, None]),
            uniforms,
            self.crop or self.source.crop,
            self.scale or self.source.scale,
            self.source.flip,
        )

    def _known(self, sample_id: int) -> _Triple:
        labels = self._labels(sample_id)
        return self._image(sample_id), labels, np.ones(labels.shape, np.float32)

    def _guessed(self, sample_id: int) -> _Triple:
        image, guesses = self._image(sample_id), self.guesses
        if guesses is None:
            size = image.shape[:2]
            return image, np.full(size, IGNORED, np.uint8), np.ones(size, np.float32)

        def read() -> Tuple[np.ndarray, ...]:
            labels, confidence = guesses(int(sample_id))
            return labels.astype(np.uint8), confidence.astype(np.float32)

        labels, confidence = self.memory.get(("guess", int(sample_id)), read)
        return image, labels, confidence

    def _image(self, sample_id: int) -> np.ndarray:
        sample = self.source.train[sample_id]
        key = ("image", int(sample_id))
        return self.memory.get(key, lambda: (sample.image(),))[0]

    def _labels(self, sample_id: int) -> np.ndarray:
        sample = self.source.train[sample_id]

        def read() -> Tuple[np.ndarray, ...]:
            labels = sample.labels()
            if labels is None:
                raise ValueError(f"{sample.name} has no labels")
            return (labels,)

        return self.memory.get(("labels", int(sample_id)), read)[0]


def _batch(first: Batch, labeled: _Row, unlabeled: Optional[_Row] = None) -> Batch:
    """Names the tensors of the streams."""
    x, y = labeled
    batch = {**first, "x": to_float(x), "y": tf.cast(y, tf.int32)}
    if unlabeled is not None:
        u, label, confidence = unlabeled
        batch["u"] = to_float(u)
        batch["u_label"] = tf.cast(label, tf.int32)
        batch["u_confidence"] = confidence
    return batch
