"""Where predictions are wrong, and who of two networks is less so.

Guided Collaborative Training (Ke, Qiu, Li, Yan and Lau 2020, arXiv:2008.05258) and its
release, PixelSSL. A flaw map has a number for each pixel, 0 for right and 1 for wrong.
"""

from __future__ import annotations

import tensorflow as tf

from mixdmt_tf.equations.contracts import require_rank, require_same_shape

SILENT = 0.1  # an image of which nothing is above this has no flaws (release)


def class_error(labels: tf.Tensor, probs: tf.Tensor) -> tf.Tensor:
    """Return sum over c of |labels_c - p_c| / 2: what is missing to the right class.

    For a one-hot label that is 1 - p of its class. (The release takes it, .5, for
    ignored pixels too, whose labels are zeros; it is the caller's to leave them out.)

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
    """Return maps smoothed by a Gaussian of a window, reflected at the borders.

    With sigma = .3 ((k - 1) / 2 - 1) + .8 for the odd window size k, as OpenCV chooses
    it; the weights sum to 1. The pixel at the border is not repeated.

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
    """Return the flaw map that a detector is to predict: errors, spread and rescaled.

    Errors are blurred by a window of side / 8, each pixel takes the largest of its 3x3
    neighbours, a window of side / 4 blurs again, and each image is scaled to 0..1.
    Single wrong pixels, as along edges, thus weigh less than wrong regions.

    Stop-gradient: the whole result.

    Args:
        errors: [B, H, W] from `class_error`.
        side: of the images in pixels, for the windows.

    Returns:
        [B, H, W] float32 in [0, 1]; 0 in an image of equal errors.

    Raises:
        ValueError: when errors is not [B, H, W].
    """
    x = gaussian_blur(errors, side // 8)
    x = tf.nn.max_pool2d(x[..., None], 3, 1, "SAME")[..., 0]
    return tf.stop_gradient(_rescaled(gaussian_blur(x, side // 4)))


def handled_flaws(flaws: tf.Tensor, side: int) -> tf.Tensor:
    """Return predicted flaw maps, smoothed and rescaled to be compared.

    Below 0 is 0; a window of side / 16 blurs; each image is scaled to 0..1, but images
    of which nothing exceeds .1 have no flaws. (In the release these get negative ones.)

    Stop-gradient: the whole result.

    Args:
        flaws: [B, H, W] predicted, any float type.
        side: of the images in pixels, for the window.

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
    """Return what a network learns of another: its prediction where that is better.

    The dynamic consistency constraint: a pixel takes the prediction with the smaller
    flaw. Flaws above the threshold are equally bad, and at equal flaws a network keeps
    its own, of which it learns nothing.

    Stop-gradient: the whole result.

    Args:
        probs: [..., C] of the network, any float type.
        other_probs: [..., C] of the other one.
        flaws: [...] of the network, from `handled_flaws`.
        other_flaws: [...] of the other one.
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
    """Mark the pixels of which neither network has a good prediction to offer.

    There the flaw correction constraint of GCT applies, which makes the flaw small that
    the detector sees.

    Stop-gradient: the whole result.

    Args:
        flaws: [...] of one network, from `handled_flaws`.
        other_flaws: [...] of the other.
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
