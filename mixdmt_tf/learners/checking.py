"""Checks that images and labels fit the task and the network."""

from __future__ import annotations

import warnings
from typing import Any, List, Optional, Sequence, Tuple

import keras
import numpy as np

from mixdmt_tf.data.segmentation.source import IGNORED
from mixdmt_tf.errors import ArgumentError
from mixdmt_tf.learners.inputs import Arrays
from mixdmt_tf.models.features import layers_in

Shape = Tuple[Optional[int], ...]


def require_own_layers(network: keras.Model) -> None:
    """Rejects layers that can't be copied, and warns of losses that are not trained.

    Args:
        network: somebody's own, to logits.

    Raises:
        ArgumentError: if a layer of a class of the user can't be made of its config.
    """
    for layer in layers_in(network):
        kind = type(layer)
        if kind.__module__.partition(".")[0] in ("keras", "mixdmt_tf", "tensorflow"):
            continue
        try:
            kind.from_config(layer.get_config())
        except Exception as error:
            reason = str(error).strip().partition("\n")[0]
            raise ArgumentError(
                f"network: {layer.name} can't be copied, and methods copy networks: "
                f"{reason}\nGive {kind.__name__} a get_config with all arguments of "
                "its __init__, and **kwargs."
            ) from error
    if network.losses:
        warnings.warn(
            f"{network.name} has {len(network.losses)} regularization losses, which "
            "the methods do not add to theirs; they have weight_decay=...",
            stacklevel=3,
        )


def require_shape(images: Arrays, expected: Shape, what: str) -> None:
    """Rejects images whose shape the network doesn't take.

    Args:
        images: [N, H, W, C], or a list of [H, W, C].
        expected: (H, W, C) of the network, None for any size.
        what: name of the argument, for error messages.

    Raises:
        ArgumentError: saying what was given and what was expected.
    """
    wanted = ", ".join("any" if each is None else str(each) for each in expected)
    several = isinstance(images, list)
    shapes = {tuple(each.shape) for each in images} if several else {images.shape[1:]}
    for shape in sorted(shapes):
        if len(shape) != 3:
            got = ["N", *map(str, shape)]
            raise ArgumentError(
                f"{what}: images are [{', '.join(got)}]; expected [N, {wanted}].\n"
                "Grey images have a last axis of 1: images[..., np.newaxis]."
            )
        if any(e is not None and e != s for e, s in zip(expected, shape)):
            raise ArgumentError(
                f"{what}: images are [N, {', '.join(map(str, shape))}]; the network "
                f"takes [N, {wanted}]"
            )
    if several and None not in expected[:2]:
        raise ArgumentError(f"{what}: images of different sizes; resize them first")


def class_numbers(labels: Any, classes: int, what: str, lowest: int = 0) -> np.ndarray:
    """Returns class labels of images as int32 [N].

    Args:
        labels: [N] or [N, 1], numbers.
        classes: number of classes C.
        what: name of the argument, for error messages.
        lowest: the smallest label allowed; -1 where classes may be unknown.

    Raises:
        ArgumentError: if labels are one-hot, not whole numbers, or not classes.
    """
    labels = np.asarray(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:  # as keras.datasets has them
        labels = labels[:, 0]
    if labels.ndim != 1:
        if labels.shape[1:] == (classes,):
            raise ArgumentError(
                f"{what}: labels are one-hot, {list(labels.shape)}; expected class "
                "numbers [N].\nGive labels.argmax(-1)."
            )
        raise ArgumentError(
            f"{what}: labels are {list(labels.shape)}; expected a class number for "
            "each image, [N]"
        )
    return _whole(labels, lowest, classes, what, (), "image")


def require_classes(maps: Sequence[np.ndarray], what: str) -> None:
    """Rejects label maps of ignored pixels alone: no loss or mean IoU would exist.

    Args:
        maps: uint8 [H, W] each.
        what: name of the argument, for error messages.

    Raises:
        ArgumentError: if no pixel has a class.
    """
    if not any((each != IGNORED).any() for each in maps):
        raise ArgumentError(
            f"{what}: every pixel of the {len(maps)} label maps is {IGNORED}, which is "
            "ignored; expected classes"
        )


def class_maps(labels: Any, images: Arrays, classes: int, what: str) -> List[Any]:
    """Returns labels of pixels as a list of uint8 [H, W]; 255 is an ignored pixel.

    Args:
        labels: [N, H, W], [N, H, W, 1], or a list of [H, W].
        images: the images of the labels.
        classes: number of classes C.
        what: name of the argument, for error messages.

    Raises:
        ArgumentError: if the labels don't fit the images' sizes, or are not classes.
    """
    found = []
    for number, (label, image) in enumerate(zip(labels, images)):
        label = np.asarray(label)
        if label.ndim == 3 and label.shape[-1] == 1:
            label = label[..., 0]
        if label.ndim == 3 and label.shape[-1] == classes:
            raise ArgumentError(
                f"{what}: labels are one-hot, {list(label.shape)} of an image; "
                "expected class numbers [H, W].\nGive labels.argmax(-1)."
            )
        if label.shape != image.shape[:2]:
            raise ArgumentError(
                f"{what}: image {number} is {list(image.shape[:2])}, its labels are "
                f"{list(label.shape)}; expected a class for each pixel, 255 where a "
                "pixel doesn't count"
            )
        found.append(
            _whole(label, 0, classes, f"{what}: image {number}", (IGNORED,), "pixel")
        )
    return [each.astype(np.uint8) for each in found]


def _whole(
    labels: np.ndarray,
    lowest: int,
    classes: int,
    what: str,
    besides: Tuple[int, ...],
    unit: str,
) -> np.ndarray:
    """Returns labels as int32; each must be in `lowest` to C - 1, or in `besides`."""
    if labels.dtype.kind not in "biuf":  # tf.data sets hold strings as bytes
        raise ArgumentError(
            f"{what}: labels are {type(labels.flat[0]).__name__}; expected numbers"
        )
    numbers = labels.astype(np.int32)
    if labels.dtype.kind == "f" and not np.array_equal(numbers, labels):
        raise ArgumentError(f"{what}: labels are not whole numbers; expected classes")
    wrong = (labels < lowest) | (labels >= classes)  # before the cast to int32
    wrong &= ~np.isin(labels, besides)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        where = place[0] if len(place) == 1 else place
        extra = "".join(f", or {each}" for each in besides)
        raise ArgumentError(
            f"{what}: {unit} {where} has the label {int(labels[place])}; expected "
            f"{lowest} to {classes - 1}{extra} ({int(wrong.sum()):,} such {unit}s).\n"
            f"Labels are counted from 0, and num_classes is {classes}."
        )
    return numbers
