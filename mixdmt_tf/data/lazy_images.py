"""Images that are read when they are asked for, wherever they are.

Whoever works with images takes NumPy's own protocol: `shape`, `len(images)`, and
`images[ids]` for some of them. A NumPy array is one kind, for data that fit into
memory; the classes here are others, of which no more is in memory than what was asked
for. `gatherer` is the same inside `tf.data`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Iterator, Sequence, Tuple, Union

import numpy as np
from PIL import Image

if TYPE_CHECKING:  # data sets look for their files before it is imported
    import tensorflow as tf

IN_MEMORY = 256 << 20  # bytes: data sets that are larger stay on the disk
CHUNK = 256  # images that are read at a time where all of them are needed


class LazyImages:
    """uint8 [N, H, W, C] that is somewhere else; subclasses know where.

    Attributes:
        shape: (N, H, W, C).
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, shape: Tuple[int, int, int, int]):
        self.shape = shape

    def read(self, ids: np.ndarray) -> np.ndarray:
        """The images with these ids, int64 [n], as uint8 [n, H, W, C].

        It may be called from several threads.
        """
        raise NotImplementedError

    def __len__(self) -> int:
        """Number of images."""
        return self.shape[0]

    def __getitem__(self, ids: Any) -> np.ndarray:
        """Some images, chosen by a number, a slice, ids or a mask, as NumPy does."""
        chosen = np.arange(len(self))[ids]
        images = self.read(np.atleast_1d(chosen))
        return images if np.ndim(chosen) else images[0]

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        """All images in memory."""
        return np.asarray(self.read(np.arange(len(self))), dtype)


ImageArray = Union[np.ndarray, LazyImages]


class Held(LazyImages):
    """An array in memory of which `gatherer` must not make a second one."""

    def __init__(self, images: np.ndarray):
        """Remembers it."""
        super().__init__(images.shape)
        self._images = images

    def read(self, ids: np.ndarray) -> np.ndarray:
        """As `LazyImages.read`."""
        return self._images[ids]


class Taken(LazyImages):
    """Some images of others, in an order of their own."""

    def __init__(self, images: LazyImages, ids: np.ndarray):
        """Remembers them.

        Args:
            images: the others.
            ids: int64 [n].
        """
        super().__init__((len(ids), *images.shape[1:]))
        self._images = images
        self._ids = np.asarray(ids, np.int64)

    def read(self, ids: np.ndarray) -> np.ndarray:
        """As `LazyImages.read`."""
        return self._images.read(self._ids[ids])


class Joined(LazyImages):
    """Images of several places, one after the other."""

    def __init__(self, parts: Sequence[ImageArray]):
        """Remembers them; all have the same (H, W, C)."""
        super().__init__((sum(map(len, parts)), *parts[0].shape[1:]))
        self._parts = parts
        self._starts = np.cumsum([0] + [len(part) for part in parts])

    def read(self, ids: np.ndarray) -> np.ndarray:
        """As `LazyImages.read`."""
        images = np.empty((len(ids), *self.shape[1:]), np.uint8)
        owners = np.searchsorted(self._starts, ids, "right") - 1
        for number, part in enumerate(self._parts):
            own = owners == number
            if own.any():
                images[own] = part[ids[own] - self._starts[number]]
        return images


class Fitted(LazyImages):
    """Images in another size, or with one instead of three channels, or the reverse."""

    def __init__(self, images: ImageArray, shape: Tuple[int, int, int]):
        """Remembers them.

        Args:
            images: of any shape, of one or three channels.
            shape: (H, W, C) that is wanted.
        """
        super().__init__((len(images), *shape))
        self._images = images

    def read(self, ids: np.ndarray) -> np.ndarray:
        """As `LazyImages.read`."""
        return fitted(self._images[ids], self.shape[1:])


def fitted(images: np.ndarray, shape: Tuple[int, int, int]) -> np.ndarray:
    """uint8 [n, ...] images as uint8 [n, H, W, C] of another (H, W, C)."""
    height, width, channels = shape
    resized = np.empty((len(images), height, width, channels), np.uint8)
    for row, image in zip(resized, images):
        picture = Image.fromarray(image if image.shape[-1] == 3 else image[..., 0])
        picture = picture.convert("RGB" if channels == 3 else "L")
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
        row[:] = np.asarray(picture).reshape(row.shape)
    return resized


def take(images: ImageArray, ids: np.ndarray) -> ImageArray:
    """The images with these ids; of lazy images still lazy."""
    return images[ids] if isinstance(images, np.ndarray) else Taken(images, ids)


def join(parts: Sequence[ImageArray]) -> ImageArray:
    """One after the other; lazy if any of them is, or if together they are large."""
    size = sum(int(np.prod(part.shape)) for part in parts)
    if size <= IN_MEMORY and all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate(parts)
    return Joined(parts)


def chunks(images: ImageArray) -> Iterator[np.ndarray]:
    """All images in their order, at most `CHUNK` at a time; an array as it is."""
    if isinstance(images, np.ndarray):
        yield images
        return
    for start in range(0, len(images), CHUNK):
        yield images[start : start + CHUNK]


def gatherer(images: ImageArray) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function from ids, int64 [n], to images, uint8 [n, H, W, C], for `tf.data`."""
    import tensorflow as tf

    if isinstance(images, np.ndarray):
        tensor = tf.constant(images)
        return lambda ids: tf.gather(tensor, ids)

    def gather(ids: tf.Tensor) -> tf.Tensor:
        read = tf.numpy_function(images.read, [ids], tf.uint8)
        return tf.ensure_shape(read, ids.shape[:1] + images.shape[1:])

    return gather
