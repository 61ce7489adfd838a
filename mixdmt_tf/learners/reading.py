"""Converts inputs of `fit`, `evaluate` and `predict` to uint8 images and classes."""

from __future__ import annotations

import dataclasses
from typing import Any, Optional, Tuple

import numpy as np
import tensorflow as tf

from mixdmt_tf.data.classification.source import UNKNOWN
from mixdmt_tf.learners import checking, inputs
from mixdmt_tf.learners.inputs import Arrays, Given
from mixdmt_tf.learners.pixels import Range, Scale, to_bytes
from mixdmt_tf.learners.sources import Part


@dataclasses.dataclass(frozen=True)
class Reader:
    """Reads images and labels for one network.

    Attributes:
        task: 'classification' or 'segmentation'.
        shape: (H, W, C) of the network's images, None for any size.
        classes: number of classes C.
        own: range of pixels that the network is made for; None if it does not show.
    """

    task: str
    shape: Tuple[Optional[int], ...]
    classes: int
    own: Optional[Range]

    def labeled(
        self, given: Any, y: Any, what: str, scale: Scale
    ) -> Tuple[Part, Scale]:
        """Reads images with labels, and updates the pixel ranges.

        Args:
            given: see `inputs.pairs`.
            y: see `inputs.pairs`.
            what: name of the argument, for error messages.
            scale: what is known of the pixel ranges so far.

        Raises:
            ArgumentError: if the input is invalid, saying what was expected.
        """
        found = inputs.pairs(given, y, what)
        images, scale = self._read(found, what, scale)
        labels = self._labels(found, what)
        if self.task == "segmentation":
            checking.require_classes(labels, what)
        return Part(images, labels), scale

    def unlabeled(self, given: Any, what: str, scale: Scale) -> Tuple[Part, Scale]:
        """As `labeled`, but labels are optional and used for reports only."""
        found = inputs.images_alone(given, what)
        images, scale = self._read(found, what, scale)
        labels = None if found.labels is None else self._labels(found, what, UNKNOWN)
        return Part(images, labels), scale

    def images(self, given: Any, what: str, scale: Scale) -> Tuple[Part, Scale]:
        """As `labeled`, but without labels; any given labels are ignored."""
        if isinstance(given, tuple) and len(given) == 2:
            given = given[0]
        found = inputs.images_alone(given, what)
        images, scale = self._read(found, what, scale)
        return Part(images), scale

    def _labels(self, found: Given, what: str, lowest: int = 0) -> Any:
        if self.task == "classification":
            return checking.class_numbers(found.labels, self.classes, what, lowest)
        return checking.class_maps(found.labels, found.images, self.classes, what)

    def _read(self, found: Given, what: str, scale: Scale) -> Tuple[Any, Scale]:
        """Returns the images as uint8, for segmentation as a list."""
        images = found.images
        checking.require_shape(images, self.shape, what)
        several = isinstance(images, list)
        ends = _ends(images) if several else images
        scale = scale.seen(ends, what, self.own)
        if several:
            return [to_bytes(each, scale.floats, what) for each in images], scale
        pixels = to_bytes(images, scale.floats, what)
        return (pixels if self.task == "classification" else list(pixels)), scale


def _ends(images: Arrays) -> np.ndarray:
    """Returns the smallest and largest value of each image, in their dtype."""
    ends = [end(each) for each in images for end in (np.min, np.max)]
    return np.array(ends, images[0].dtype)


def batched(part: Part, batch: int) -> tf.data.Dataset:
    """Returns a dataset of batches for `evaluate` and `predict`.

    Args:
        part: uint8 images, and labels if there are any. Images of different sizes are
            batched one by one.
        batch: batch size for images of the same size.
    """
    columns = [part.images] if part.labels is None else [part.images, part.labels]
    shapes = {np.shape(each) for each in part.images[:]}
    if len(shapes) == 1:
        arrays = tuple(np.asarray(each) for each in columns)
        return tf.data.Dataset.from_tensor_slices(arrays).batch(batch)
    signature = tuple(
        tf.TensorSpec([None] * np.ndim(column[0]), np.asarray(column[0]).dtype)
        for column in columns
    )
    pairs = tf.data.Dataset.from_generator(
        lambda: zip(*columns), output_signature=signature
    )
    return pairs.batch(1)
