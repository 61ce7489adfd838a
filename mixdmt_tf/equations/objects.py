"""Objects in a predicted label map, and boxes cut out of them.

Cross-consistency training (CCT, Ouali, Hudelot and Tami 2020, arXiv:2003.09005): its
guided perturbations use the objects that the main decoder predicts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy  # its parts are imported when they are used
import tensorflow as tf

from mixdmt_tf.equations.contracts import require_rank


def foreground(scores: tf.Tensor, background: int = 0) -> tf.Tensor:
    """Return a mask of the pixels that are not predicted as background.

    CCT (arXiv:2003.09005): M_con, which keeps the objects; 1 - M_con is M_obj. The
    paper's data have a background, class 0. For data without one, such as street
    scenes, a negative number selects the most frequent class of each image; at ties,
    the first.

    Stop-gradient: the whole result.

    Args:
        scores: [B, H, W, C] logits or probabilities, any float type.
        background: a class, or a negative number.

    Returns:
        [B, H, W] float32, 0 or 1.

    Raises:
        ValueError: when scores has another rank.
    """
    scores = tf.cast(scores, tf.float32)
    require_rank(4, 4, scores=scores)
    labels = tf.argmax(scores, -1, tf.int32)
    wanted: int | tf.Tensor = background
    if background < 0:
        counts = tf.reduce_sum(tf.one_hot(labels, scores.shape[-1]), [1, 2])
        wanted = tf.argmax(counts, -1, tf.int32)[:, None, None]
    return tf.stop_gradient(tf.cast(labels != wanted, tf.float32))


def object_boxes(
    masks: npt.NDArray[Any], outline: int = 50, limit: int = 32
) -> npt.NDArray[np.int32]:
    """Return the bounding boxes of the objects in masks that are large enough.

    CCT (arXiv:2003.09005), G-Cutout. An object is a set of pixels that touch, by edges
    or corners. The released code uses OpenCV's contours instead and counts their
    corners (CHAIN_APPROX_SIMPLE), which are fewer than the pixels of the outline; the
    paper sets no limit.

    Args:
        masks: [B, H, W], not 0 in the foreground.
        outline: objects with more pixels than this on their outline count; a pixel is
            on the outline if one of its four neighbours is not in the foreground.
        limit: M, maximum number of objects per image; those with the longest outlines
            are used.

    Returns:
        int32 [B, M, 4], top, left, height and width; the latter two are differences
        between the first and the last pixel, as in the release. Zeros for no object.
    """
    boxes = np.zeros((len(masks), limit, 4), np.int32)
    for mask, found in zip(np.asarray(masks) != 0, boxes):
        labels, count = scipy.ndimage.label(mask, np.ones((3, 3)))
        edge = mask & ~scipy.ndimage.binary_erosion(mask)
        lengths = np.bincount(labels[edge], minlength=count + 1)[1:]
        order = np.argsort(-lengths, kind="stable")[:limit]
        slices = scipy.ndimage.find_objects(labels)
        for box, index in zip(found, order[lengths[order] > outline]):
            rows, columns = slices[index]
            ends = rows.stop - rows.start - 1, columns.stop - columns.start - 1
            box[:] = rows.start, columns.start, *ends
    return boxes


def cutout_mask(
    boxes: tf.Tensor,
    uniforms: tf.Tensor,
    height: int | tf.Tensor,
    width: int | tf.Tensor,
    share: float = 0.4,
) -> tf.Tensor:
    """Return the masks of G-Cutout, which are 0 in a smaller box within each box.

    CCT (arXiv:2003.09005), G-Cutout, and release: the erased box has `share` of both
    sides, rounded down, and lies at a random place within the object's box.

    Stop-gradient: the whole result.

    Args:
        boxes: [B, M, 4] integers as `object_boxes` returns them.
        uniforms: [B, M, 2] random numbers in [0, 1): place from top to bottom, and from
            left to right.
        height: H, rows of the image.
        width: W, columns of the image.
        share: share of a side, in [0, 1].

    Returns:
        [B, H, W] float32, 0 or 1.

    Raises:
        ValueError: when boxes or uniforms has another rank.
    """
    boxes, uniforms = tf.cast(boxes, tf.float32), tf.cast(uniforms, tf.float32)
    require_rank(3, 3, boxes=boxes, uniforms=uniforms)
    sides = boxes[..., 2:]
    places = tf.floor(sides * (1 - share)) + 1
    first = boxes[..., :2] + tf.minimum(tf.floor(uniforms * places), places - 1)
    last = first + tf.floor(sides * share)
    rows = _between(first[..., 0], last[..., 0], height)
    columns = _between(first[..., 1], last[..., 1], width)
    erased = tf.reduce_any(rows[..., :, None] & columns[..., None, :], 1)
    return tf.stop_gradient(tf.cast(~erased, tf.float32))


def _between(first: tf.Tensor, end: tf.Tensor, length: int | tf.Tensor) -> tf.Tensor:
    """[...] first pixels of a side and those after the last -> bool [..., length]."""
    pixels = tf.range(tf.cast(length, tf.float32))
    return (pixels >= first[..., None]) & (pixels < end[..., None])
