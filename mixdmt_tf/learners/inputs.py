"""Reads the inputs of `fit`, `evaluate` and `predict` into arrays.

Inputs are arrays or `tf.data` sets. Batches are drawn from seed and step, in any order,
so all images must be in memory. Unusable inputs raise an error that says what to write
instead.
"""

from __future__ import annotations

from typing import Any, List, NamedTuple, Optional, Tuple, Union

import numpy as np
import tensorflow as tf

from mixdmt_tf.data.lazy_images import LazyImages
from mixdmt_tf.errors import ArgumentError

Arrays = Union[np.ndarray, List[np.ndarray], LazyImages]


class Given(NamedTuple):
    """Images as given by the user, and their labels if there are any.

    Attributes:
        images: [N, H, W, C], or a list of [H, W, C] of different sizes.
        labels: integers of any dtype: [N], or for segmentation [N, H, W] or a list of
            [H, W].
    """

    images: Arrays
    labels: Optional[Any] = None


def pairs(given: Any, y: Any, what: str) -> Given:
    """Reads images with labels: (images, labels), a set of pairs, or two arguments.

    Args:
        given: a tuple, a `tf.data.Dataset`, or the images alone.
        y: the labels, if they are a separate argument.
        what: name of the argument, for error messages.

    Raises:
        ArgumentError: saying what was expected.
    """
    expected = f"{what}: expected (images, labels), or a tf.data set of such pairs"
    if y is not None:
        if isinstance(given, (tuple, tf.data.Dataset)):
            raise ArgumentError(
                f"{what}: the second argument, y, is for labels of images that come "
                "alone, but these come with labels.\nUnlabelled images are a "
                "keyword: fit(labeled, unlabeled=images)."
            )
        given = (given, y)
    _require_at_hand(given, what)
    if isinstance(given, tf.data.Dataset):
        return _of_dataset(given, what, labels=True)
    if not isinstance(given, tuple) or len(given) != 2:
        parts = f" of {len(given)}" if isinstance(given, tuple) else ""
        raise ArgumentError(f"{expected}; got {type(given).__name__}{parts}")
    images, labels = _array(given[0], what), _array(given[1], f"{what}: labels")
    if len(images) != len(labels):
        raise ArgumentError(
            f"{what}: {len(images):,} images and {len(labels):,} labels; expected the "
            "same number of both"
        )
    return Given(images, labels)


def images_alone(given: Any, what: str) -> Given:
    """Reads images without labels; labels of pairs are kept for reports.

    Args:
        given: an array, a `tf.data.Dataset` of images, or pairs of either.
        what: name of the argument, for error messages.

    Raises:
        ArgumentError: saying what was expected.
    """
    _require_at_hand(given, what)
    if isinstance(given, tf.data.Dataset):
        return _of_dataset(given, what, labels=False)
    if isinstance(given, tuple):
        return pairs(given, None, what)
    return Given(_array(given, what))


def _require_at_hand(given: Any, what: str) -> None:
    """Rejects inputs that generate their own batches."""
    if given is None:
        raise ArgumentError(f"{what}: expected images, got None")
    if isinstance(given, dict):
        raise ArgumentError(
            f"{what}: expected (images, labels), got a dictionary.\nGive its parts, "
            'such as (data["image"], data["label"]).'
        )
    known = (np.ndarray, tuple, list, tf.data.Dataset, tf.Tensor, LazyImages)
    if isinstance(given, known) or hasattr(given, "__array__"):
        return
    raise ArgumentError(
        f"{what}: got a {type(given).__name__}; expected arrays or a tf.data.Dataset.\n"
        "Batches are drawn here, from seed and step, so generators and Keras "
        "sequences can't be used: give all images."
    )


def _array(given: Any, what: str) -> Any:
    """Returns an array; a list of images of different sizes stays a list."""
    if isinstance(given, LazyImages):
        return given
    if isinstance(given, (list, tuple)) and len(given) and np.ndim(given[0]) >= 2:
        given = [np.asarray(each) for each in given]
        shapes = {each.shape for each in given}
        return np.stack(given) if len(shapes) == 1 else given
    found = np.asarray(given)
    if found.dtype.kind not in "biuf":
        raise ArgumentError(f"{what}: expected numbers, got an array of {found.dtype}")
    if found.ndim == 0 or not len(found):
        raise ArgumentError(f"{what}: expected at least one, got none")
    return found


def _of_dataset(dataset: tf.data.Dataset, what: str, labels: bool) -> Given:
    """Reads a whole dataset, batched or not."""
    spec = dataset.element_spec
    if isinstance(spec, dict):
        raise ArgumentError(
            f"{what}: the elements of the set are dictionaries; expected (image, "
            'label).\nAppend .map(lambda e: (e["image"], e["label"])).'
        )
    parts = spec if isinstance(spec, tuple) else (spec,)
    if len(parts) > 2 or (labels and len(parts) != 2):
        raise ArgumentError(
            f"{what}: the elements of the set have {len(parts)} parts; expected "
            f"(image, label){'' if labels else ' or an image'}"
        )
    for each in parts:
        if not isinstance(each, tf.TensorSpec):
            raise ArgumentError(
                f"{what}: the elements of the set contain a {type(each).__name__}; "
                "expected two tensors, (image, label).\nAppend a .map() that makes "
                "these."
            )
    if int(dataset.cardinality()) == tf.data.INFINITE_CARDINALITY:
        raise ArgumentError(
            f"{what}: the set is infinite.\nLeave .repeat() out: epochs= says how "
            "often the images are used."
        )
    elements = [
        each if isinstance(each, tuple) else (each,)
        for each in dataset.as_numpy_iterator()
    ]
    if not elements:
        raise ArgumentError(f"{what}: the set is empty")
    # A batch of images has four dimensions, an image three.
    join = _concatenated if np.ndim(elements[0][0]) == 4 else _stacked
    return Given(*map(join, zip(*elements)))


def _stacked(column: Tuple[np.ndarray, ...]) -> Any:
    arrays = [np.asarray(each) for each in column]
    same = len({each.shape for each in arrays}) == 1
    return np.stack(arrays) if same else arrays


def _concatenated(column: Tuple[np.ndarray, ...]) -> Any:
    arrays = [np.asarray(each) for each in column]
    if len({each.shape[1:] for each in arrays}) == 1:
        return np.concatenate(arrays)
    return [row for each in arrays for row in each]
