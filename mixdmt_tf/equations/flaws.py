"""Flaw maps: where predictions are wrong, and which of two networks is better.

Guided Collaborative Training (Ke, Qiu, Li, Yan and Lau 2020, arXiv:2008.05258) and its
release, PixelSSL. A flaw map has a number for each pixel, 0 for right and 1 for wrong.
"""

from __future__ import annotations

import tensorflow as tf

from mixdmt_tf.equations.contracts import require_rank, require_same_shape

SILENT = 0.1  # an image without values above this has no flaws (release)


def class_error(labels: tf.Tensor, probs: tf.Tensor) -> tf.Tensor:
    """Return sum over c of |labels_c - p_c| / 2, the error of the predictions.

    For a one-hot label this is 1 - p of its class. (For ignored pixels, whose labels
    are zeros, it is .5; the release includes them. The caller should leave them out.)

    Nothing is stop-gradiented.

    Args:
        labels: [..., C] one-hot, any number type.
        probs: [..., C] probabilities, any float type.

    Returns:
        [...] float32 in [0, 1].

    Raises:
        ValueError: when the shapes differ.
    """
    labels, probs = tf.cast(labels, tf.float32), tf.cast(probs, tf.float32)
    require_rank(1, probs=probs)
    require_same_shape(probs=probs, labels=labels)
    return tf.reduce_sum(tf.abs(labels - probs), axis=-1) / 2


def gaussian_blur(maps: tf.Tensor, size: int) -> tf.Tensor:
    """Return maps smoothed by a Gaussian window, reflected at the borders.

    For the odd window size k, sigma = .3 ((k - 1) / 2 - 1) + .8, as in OpenCV; the
    weights sum to 1. The reflection does not repeat the pixel at the border.

    Args:
        maps: [B, H, W], any float type, H and W above k / 2.
        size: k; even ones are raised by 1.

    Returns:
        [B, H, W] float32.

    Raises:
        ValueError: when maps is not [B, H, W].
    """
    maps = tf.cast(maps, tf.float32)
    require_rank(3, 3, maps=maps)
    half = size // 2
    sigma = 0.3 * (half - 1) + 0.8
    weights = tf.exp(-tf.square(tf.range(-half, half + 1.0) / sigma) / 2)
    weights /= tf.reduce_sum(weights)
    border = [[0, 0], [half, half], [half, half], [0, 0]]
    x = tf.pad(maps[..., None], border, "REFLECT")
    x = tf.nn.conv2d(x, weights[:, None, None, None], 1, "VALID")
    return tf.nn.conv2d(x, weights[None, :, None, None], 1, "VALID")[..., 0]


def flaw_truth(errors: tf.Tensor, side: int) -> tf.Tensor:
    """Return the target of a flaw detector: errors, blurred and rescaled.

    Errors are blurred by a window of side / 8, dilated by a 3x3 maximum, blurred again
    by a window of side / 4, and each image is scaled to 0..1. Single wrong pixels, such
    as along edges, thus have less weight than wrong regions.

    Stop-gradient: the whole result.

    Args:
        errors: [B, H, W] from `class_error`.
        side: side of the images in pixels, for the windows.

    Returns:
        [B, H, W] float32 in [0, 1]; 0 for an image with equal errors everywhere.

    Raises:
        ValueError: when errors is not [B, H, W].
    """
    x = gaussian_blur(errors, side // 8)
    x = tf.nn.max_pool2d(x[..., None], 3, 1, "SAME")[..., 0]
    return tf.stop_gradient(_rescaled(gaussian_blur(x, side // 4)))


def handled_flaws(flaws: tf.Tensor, side: int) -> tf.Tensor:
    """Return predicted flaw maps, smoothed and rescaled for comparison.

    Negative values become 0, maps are blurred by a window of side / 16, and each image
    is scaled to 0..1. Images without values above .1 have no flaws. (In the release
    these get negative ones.)

    Stop-gradient: the whole result.

    Args:
        flaws: [B, H, W] predicted flaw maps, any float type.
        side: side of the images in pixels, for the window.

    Returns:
        [B, H, W] float32 in [0, 1].

    Raises:
        ValueError: when flaws is not [B, H, W].
    """
    x = gaussian_blur(tf.nn.relu(flaws), side // 16)
    loud = tf.reduce_max(x, [1, 2], keepdims=True) > SILENT
    return tf.stop_gradient(tf.where(loud, _rescaled(x), 0.0))


def dynamic_target(
    probs: tf.Tensor,
    other_probs: tf.Tensor,
    flaws: tf.Tensor,
    other_flaws: tf.Tensor,
    threshold: float,
) -> tf.Tensor:
    """Return a network's target: the other network's prediction where it is better.

    The dynamic consistency constraint: the target of a pixel is the prediction with the
    smaller flaw. All flaws above the threshold are treated as equal. At equal flaws the
    target is the network's own prediction, from which it learns nothing.

    Stop-gradient: the whole result.

    Args:
        probs: [..., C] probabilities of the network, any float type.
        other_probs: [..., C] probabilities of the other network.
        flaws: [...] flaws of the network, from `handled_flaws`.
        other_flaws: [...] flaws of the other network.
        threshold: xi, in [0, 1].

    Returns:
        [..., C] float32.

    Raises:
        ValueError: when shapes don't fit.
    """
    probs, other_probs = tf.cast(probs, tf.float32), tf.cast(other_probs, tf.float32)
    flaws, other_flaws = tf.cast(flaws, tf.float32), tf.cast(other_flaws, tf.float32)
    require_same_shape(probs=probs, other_probs=other_probs)
    require_same_shape(flaws=flaws, other_flaws=other_flaws, pixels=probs[..., 0])
    own, other = (tf.where(x > threshold, 1.0, x) for x in (flaws, other_flaws))
    keeps = (other >= own)[..., None]
    return tf.stop_gradient(tf.where(keeps, probs, other_probs))


def both_flawed_mask(
    flaws: tf.Tensor, other_flaws: tf.Tensor, threshold: float
) -> tf.Tensor:
    """Return a mask of the pixels for which neither network has a good prediction.

    The flaw correction constraint of GCT applies there: it minimizes the flaw that the
    detector predicts.

    Stop-gradient: the whole result.

    Args:
        flaws: [...] flaws of one network, from `handled_flaws`.
        other_flaws: [...] flaws of the other network.
        threshold: xi, in [0, 1].

    Returns:
        [...] float32, 0 or 1.

    Raises:
        ValueError: when the shapes differ.
    """
    flaws, other_flaws = tf.cast(flaws, tf.float32), tf.cast(other_flaws, tf.float32)
    require_same_shape(flaws=flaws, other_flaws=other_flaws)
    both = (flaws > threshold) & (other_flaws > threshold)
    return tf.stop_gradient(tf.cast(both, tf.float32))


def _rescaled(maps: tf.Tensor) -> tf.Tensor:
    low = tf.reduce_min(maps, [1, 2], keepdims=True)
    high = tf.reduce_max(maps, [1, 2], keepdims=True)
    return (maps - low) / (high - low + 1e-9)
