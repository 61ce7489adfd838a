"""Data sets for classification: images, labels and properties of the images."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from typing import Optional, Sequence, Tuple

import numpy as np

from mixdmt_tf.data.lazy_images import ImageArray, chunks, take
from mixdmt_tf.errors import UserError
from mixdmt_tf.progress import PATIENCE, Progress

UNKNOWN = -1
"""Label of an image of unknown class."""

OUTSIDE = -2
"""Labels up to this one mean: known to be an image of none of the classes.

-2 is an image from other data, -3 - c one of class c of the whole data set.
"""


@dataclasses.dataclass(frozen=True, eq=False)
class Images:
    """Images and their classes; an image's id is its row.

    Attributes:
        images: uint8 [N, H, W, C]: an array in memory, read-only, or `LazyImages`.
        labels: int32 [N], read-only; `UNKNOWN` (-1) where the class is unknown,
            `OUTSIDE` (-2) or less for images of none. With several labels per image:
            int32 [N, L] of ones, zeros and `UNKNOWN`.
        weights: float32 [N], read-only: relative weights of the labels, finite and not
            negative; None: equal weights.
    """

    images: ImageArray
    labels: np.ndarray
    weights: Optional[np.ndarray] = None

    def __post_init__(self) -> None:
        """Raises a ValueError for arrays of a wrong dtype or shape."""
        if self.images.dtype != np.uint8 or self.images.ndim != 4:
            raise ValueError(
                "images: expected uint8 [N, H, W, C], "
                f"got {self.images.dtype} {list(self.images.shape)}"
            )
        shape = self.labels.shape
        if (
            self.labels.dtype != np.int32
            or shape[:1] != self.images.shape[:1]
            or len(shape) > 2
        ):
            raise ValueError(
                f"labels: expected int32 [{len(self.images)}], "
                f"got {self.labels.dtype} {list(self.labels.shape)}"
            )
        if self.weights is not None:
            _check_weights(self.weights, self.images.shape[:1])
        # Read-only, so that a computed fingerprint stays valid.
        for name in ("images", "labels", "weights"):
            array = getattr(self, name)
            if isinstance(array, np.ndarray):
                view = array.view()
                view.setflags(write=False)
                object.__setattr__(self, name, view)

    def __len__(self) -> int:
        """Number of images."""
        return len(self.labels)

    @property
    def known(self) -> np.ndarray:
        """Returns for which images the class, or any label, is known: bool [N]."""
        known: np.ndarray = self.labels > UNKNOWN
        return known if known.ndim == 1 else known.any(1)

    def take(self, ids: np.ndarray) -> Images:
        """Returns the images with these ids, int [n], in the given order."""
        weights = None if self.weights is None else self.weights[ids]
        return Images(take(self.images, ids), self.labels[ids], weights)


def _check_weights(weights: np.ndarray, shape: Tuple[int, ...]) -> None:
    if weights.dtype != np.float32 or weights.shape != shape:
        raise ValueError(
            f"weights: expected float32 {list(shape)}, "
            f"got {weights.dtype} {list(weights.shape)}"
        )
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError("weights: expected finite numbers that are not negative")


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """One data set.

    Attributes:
        name: name of the module in `data/classification/datasets/`.
        class_names: names of the classes 0, 1, ..., or of the labels if an image has
            several.
        train: all training images, before any labels are hidden. Images with the label
            `UNKNOWN` or `OUTSIDE` are never used as labelled or validation images.
        test: test images; None if the data set has none.
        validation: validation images, if the data set has its own.
        flip: whether the mirror image of an image is a valid image of its class.
        crop_padding: largest random shift in pixels.
        default_labels: default number of labels.
        notes: messages for the user, such as on files that were left out.
        skipped: files that could not be used, each with the reason.
        pool: bool [N], which training images may be used unlabelled; None: all.
        outside_names: names of the labels -2, -3, ...: what these images show.
        names: paths of the training images, if they are files, relative to the data
            set's folder if they are in it. None: images have only numbers.
    """

    name: str
    class_names: Tuple[str, ...]
    train: Images
    test: Optional[Images] = None
    validation: Optional[Images] = None
    flip: bool = False
    crop_padding: int = 0
    default_labels: int = 250
    notes: Tuple[str, ...] = ()
    skipped: Tuple[str, ...] = ()
    pool: Optional[np.ndarray] = None
    outside_names: Tuple[str, ...] = ()
    names: Optional[Sequence[str]] = None

    def __post_init__(self) -> None:
        """Checks shapes, names and labels.

        Invalid labels would not be noticed later: their one-hot vector is all zeros.

        Raises:
            UserError: if a label is no class; with part, row, label and allowed range.
            ValueError: if parts have images of different shapes, or names are missing.
        """
        if self.names is not None and len(self.names) != len(self.train):
            raise ValueError(f"{len(self.names)} names of {len(self.train)} images")
        outside = UNKNOWN - len(self.outside_names)
        for part, lowest in (("train", outside), ("test", 0), ("validation", 0)):
            images = getattr(self, part)
            if images is None:
                continue
            if images.images.shape[1:] != self.image_shape:
                raise ValueError(
                    f"{self.name}: {part} images are {images.images.shape[1:]}, "
                    f"training images {self.image_shape}"
                )
            if images.labels.ndim > 1 or self.several_labels:
                self._check_several(part, images)
                continue
            wrong = (images.labels < lowest) | (images.labels >= self.num_classes)
            if wrong.any():
                row = int(np.argmax(wrong))
                raise UserError(
                    f"{self.name}: {part} image {row} has the label "
                    f"{images.labels[row]}; expected {lowest} to {self.num_classes - 1}"
                    f" ({int(wrong.sum())} such images)"
                )

    def _check_several(self, part: str, images: Images) -> None:
        labels, wanted = images.labels, (len(images), self.num_classes)
        if labels.shape != wanted or (labels < UNKNOWN).any() or (labels > 1).any():
            raise ValueError(
                f"{self.name}: {part} labels: expected 0, 1 or {UNKNOWN} in the shape "
                f"{list(wanted)}"
            )

    @property
    def several_labels(self) -> bool:
        """Whether images have several labels, each of which is true or false."""
        return self.train.labels.ndim > 1

    @property
    def num_classes(self) -> int:
        """Number of classes, or of labels per image."""
        return len(self.class_names)

    @property
    def image_shape(self) -> Tuple[int, int, int]:
        """(H, W, C) of every image."""
        _, height, width, channels = self.train.images.shape
        return height, width, channels

    def fingerprint(self) -> str:
        """The SHA-256, in hex, of everything that determines the training data.

        This includes the name, class names, images and labels in their order, the pool,
        and weights of the labels if there are any. Augmentation (`flip`,
        `crop_padding`) and evaluation (`test`, `validation`) are not included.
        """
        return self._fingerprint

    @functools.cached_property
    def _fingerprint(self) -> str:
        pictures, labels = self.train.images, self.train.labels
        facts = [self.name, list(self.class_names), list(pictures.shape)]
        digest = hashlib.sha256(json.dumps(facts).encode())
        progress, done = Progress("hashing", "images", after=PATIENCE), 0
        for chunk in chunks(pictures):
            digest.update(np.ascontiguousarray(chunk).data)
            done += len(chunk)
            progress.update(done, len(pictures))
        progress.close()
        digest.update(np.ascontiguousarray(labels, "<i4").data)
        if self.pool is not None:
            digest.update(np.packbits(self.pool).data)
        if self.train.weights is not None:
            digest.update(b"weights")
            digest.update(np.ascontiguousarray(self.train.weights, "<f4").data)
        return digest.hexdigest()
