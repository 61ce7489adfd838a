"""Image arrays that are read on access.

Code that works with images uses the protocol of NumPy arrays: `shape`, `len(images)`
and `images[ids]`. Data that fit into memory are NumPy arrays. The classes here have the
same protocol and load only the requested images into memory. `gatherer` does the same
inside `tf.data`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Iterator, Sequence, Tuple, Union

import numpy as np
from PIL import Image

if TYPE_CHECKING:  # data sets look for their files before TensorFlow is imported
    import tensorflow as tf

IN_MEMORY = 256 << 20  # bytes: larger data sets stay on disk
CHUNK = 256  # images to read at a time if all of them are needed


class LazyImages:
    """Base class of image arrays, uint8 [N, H, W, C], that are read on access.

    Attributes:
        shape: (N, H, W, C).
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, shape: Tuple[int, int, int, int]):
        self.shape = shape

    def read(self, ids: np.ndarray) -> np.ndarray:
        """Reads the images with these ids, int64 [n]: uint8 [n, H, W, C].

        Thread-safe.
        """
        raise NotImplementedError

    def __len__(self) -> int:
        """Number of images."""
        return self.shape[0]

    def __getitem__(self, ids: Any) -> np.ndarray:
        """Reads some images, by a number, a slice, ids or a mask, as in NumPy."""
        chosen = np.arange(len(self))[ids]
        images = self.read(np.atleast_1d(chosen))
        return images if np.ndim(chosen) else images[0]

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        """Reads all images into memory."""
        return np.asarray(self.read(np.arange(len(self))), dtype)


ImageArray = Union[np.ndarray, LazyImages]


class Held(LazyImages):
    """An array in memory that `gatherer` does not copy."""

    def __init__(self, images: np.ndarray):
        """Stores the array."""
        super().__init__(images.shape)
        self._images = images

    def read(self, ids: np.ndarray) -> np.ndarray:
        """See `LazyImages.read`."""
        return self._images[ids]


class Taken(LazyImages):
    """A selection of other images, in a given order."""

    def __init__(self, images: LazyImages, ids: np.ndarray):
        """Stores the arguments; reads nothing yet.

        Args:
            images: the images to select from.
            ids: int64 [n], the selected ids.
        """
        super().__init__((len(ids), *images.shape[1:]))
        self._images = images
        self._ids = np.asarray(ids, np.int64)

    def read(self, ids: np.ndarray) -> np.ndarray:
        """See `LazyImages.read`."""
        return self._images.read(self._ids[ids])


class Joined(LazyImages):
    """A concatenation of image arrays."""

    def __init__(self, parts: Sequence[ImageArray]):
        """Stores the parts, which all have the same (H, W, C)."""
        super().__init__((sum(map(len, parts)), *parts[0].shape[1:]))
        self._parts = parts
        self._starts = np.cumsum([0] + [len(part) for part in parts])

    def read(self, ids: np.ndarray) -> np.ndarray:
        """See `LazyImages.read`."""
        images = np.empty((len(ids), *self.shape[1:]), np.uint8)
        owners = np.searchsorted(self._starts, ids, "right") - 1
        for number, part in enumerate(self._parts):
            own = owners == number
            if own.any():
                images[own] = part[ids[own] - self._starts[number]]
        return images


class Fitted(LazyImages):
    """Images resized, or converted between one and three channels."""

    def __init__(self, images: ImageArray, shape: Tuple[int, int, int]):
        """Stores the arguments; reads nothing yet.

        Args:
            images: images of any size with one or three channels.
            shape: (H, W, C) of the result.
        """
        super().__init__((len(images), *shape))
        self._images = images

    def read(self, ids: np.ndarray) -> np.ndarray:
        """See `LazyImages.read`."""
        return fitted(self._images[ids], self.shape[1:])


def fitted(images: np.ndarray, shape: Tuple[int, int, int]) -> np.ndarray:
    """Converts images, uint8 [n, ...], to another shape: uint8 [n, H, W, C]."""
    height, width, channels = shape
    resized = np.empty((len(images), height, width, channels), np.uint8)
    for row, image in zip(resized, images):
        picture = Image.fromarray(image if image.shape[-1] == 3 else image[..., 0])
        picture = picture.convert("RGB" if channels == 3 else "L")
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
        row[:] = np.asarray(picture).reshape(row.shape)
    return resized


def take(images: ImageArray, ids: np.ndarray) -> ImageArray:
    """Selects the images with these ids; lazy images stay lazy."""
    return images[ids] if isinstance(images, np.ndarray) else Taken(images, ids)


def join(parts: Sequence[ImageArray]) -> ImageArray:
    """Concatenates images; the result is lazy if any part is or if it is large."""
    size = sum(int(np.prod(part.shape)) for part in parts)
    if size <= IN_MEMORY and all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate(parts)
    return Joined(parts)


def chunks(images: ImageArray) -> Iterator[np.ndarray]:
    """Yields all images in order, at most `CHUNK` at a time; an array as a whole."""
    if isinstance(images, np.ndarray):
        yield images
        return
    for start in range(0, len(images), CHUNK):
        yield images[start : start + CHUNK]


def gatherer(images: ImageArray) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function for `tf.data` from ids, int64 [n], to uint8 [n, H, W, C]."""
    import tensorflow as tf

    if isinstance(images, np.ndarray):
        tensor = tf.constant(images)
        return lambda ids: tf.gather(tensor, ids)

    def gather(ids: tf.Tensor) -> tf.Tensor:
        read = tf.numpy_function(images.read, [ids], tf.uint8)
        return tf.ensure_shape(read, ids.shape[:1] + images.shape[1:])

    return gather
