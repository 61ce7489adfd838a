"""Wraps arrays as the data sets and splits that the pipelines read."""

from __future__ import annotations

import dataclasses
from typing import Any, List, Optional, Sequence, Tuple

import numpy as np

from mixdmt_tf.data import lazy_images
from mixdmt_tf.data.classification.source import UNKNOWN, Images
from mixdmt_tf.data.classification.source import Source as Classification
from mixdmt_tf.data.segmentation.source import Sample
from mixdmt_tf.data.segmentation.source import Source as Segmentation
from mixdmt_tf.data.splits import Split

NAME = "arrays"  # of the data set


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """Images of one kind, as the pipelines read them.

    Attributes:
        images: uint8 [N, H, W, C], or of segmentation a list of [H, W, C].
        labels: int32 [N], or of segmentation a list of uint8 [H, W]; None: unknown.
    """

    images: Any
    labels: Optional[Any] = None


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Augmentations that keep the class of an image.

    Attributes:
        flip: whether images may be flipped horizontally.
        shift: for classification, the largest random shift in pixels.
        crop: for segmentation, the size (h, w) of the random crop.
    """

    flip: bool
    shift: int = 0
    crop: Tuple[int, int] = (0, 0)


def classification(
    labeled: Part,
    unlabeled: Optional[Part],
    validation: Optional[Part],
    class_names: Tuple[str, ...],
    augmentation: Augmentation,
) -> Classification:
    """Returns a data source: training images are the labelled, then the unlabelled.

    Args:
        labeled: images with classes.
        unlabeled: images; their classes, if known, are used for reports only.
        validation: images with classes.
        class_names: names of the classes 0, 1, ...
        augmentation: augmentations of the images.
    """
    parts = [each for each in (labeled, unlabeled) if each is not None]
    labels = [
        np.full(len(each.images), UNKNOWN, np.int32)
        if each.labels is None
        else each.labels
        for each in parts
    ]
    return Classification(
        name=NAME,
        class_names=class_names,
        train=Images(
            lazy_images.join([each.images for each in parts]), np.concatenate(labels)
        ),
        validation=None if validation is None else Images(**vars(validation)),
        flip=augmentation.flip,
        crop_padding=augmentation.shift,
    )


def segmentation(
    labeled: Part,
    unlabeled: Optional[Part],
    validation: Optional[Part],
    class_names: Tuple[str, ...],
    augmentation: Augmentation,
) -> Segmentation:
    """Returns the same for segmentation, with a class per pixel."""
    train = _samples("labeled", labeled) + _samples("unlabeled", unlabeled)
    return Segmentation(
        name=NAME,
        class_names=class_names,
        train=train,
        validation=_samples("validation", validation),
        crop=augmentation.crop,
        flip=augmentation.flip,
        skipped=(),  # all images have been checked already
        channels=labeled.images[0].shape[-1],
    )


def split_of(source: Any, labeled: int, seed: int, validates: bool) -> Split:
    """Returns the split in which the first images are labelled.

    Args:
        source: data source of either task.
        labeled: number of labelled images.
        seed: seed of the run.
        validates: whether there are validation images.
    """
    ids = np.arange(len(source.train))
    return Split(
        dataset=source.name,
        seed=seed,
        fingerprint=source.fingerprint(),
        labeled=ids[:labeled],
        unlabeled=ids[labeled:],
        validation=ids[:0],
        own_validation=validates,
    )


@dataclasses.dataclass(frozen=True, eq=False)
class ArraySample(Sample):
    """A sample that is in memory.

    Attributes:
        pixels: uint8 [H, W, C].
        classes: uint8 [H, W]; None unless `known`.
    """

    pixels: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((1, 1, 3)))
    classes: Optional[np.ndarray] = None

    def size(self) -> Tuple[int, int]:
        """See `Sample.size`."""
        height, width = self.pixels.shape[:2]
        return height, width

    def image(self) -> np.ndarray:
        """See `Sample.image`."""
        return self.pixels

    def labels(self) -> Optional[np.ndarray]:
        """See `Sample.labels`."""
        return self.classes


def _samples(name: str, part: Optional[Part]) -> Tuple[Sample, ...]:
    if part is None:
        return ()
    labels: Sequence[Any] = part.labels or [None] * len(part.images)
    found: List[Sample] = [
        ArraySample(f"{name}_{i}", label is not None, image, label)
        for i, (image, label) in enumerate(zip(part.images, labels))
    ]
    return tuple(found)
