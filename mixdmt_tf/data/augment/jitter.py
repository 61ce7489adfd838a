"""Colour jitter of float images, as in torchvision and semi-supervised papers.

French and Mackiewicz 2021 (arXiv:2110.04487) combine it with CutMix. Formulas are those
of `torchvision.transforms.ColorJitter` and `RandomGrayscale`. No random numbers are
drawn here.
"""

from __future__ import annotations

import tensorflow as tf

UNIFORMS = 10  # random numbers per image
STRENGTH = 0.4  # of brightness, contrast and saturation: factors of 0.6 to 1.4
HUE = 0.1  # largest rotation of the hue, as a share of a full turn
_LUMA = (0.299, 0.587, 0.114)


def colour_jitter(
    images: tf.Tensor, uniforms: tf.Tensor, jitter: float, grey: float
) -> tf.Tensor:
    """Applies colour jitter and conversion to grey, each with a probability.

    Brightness, contrast, saturation and hue are changed in random order. Each change
    clips values at black and white. Every image has its own random numbers.

    Args:
        images: float32 [n, H, W, 3] in [-1, 1].
        uniforms: float32 [n, 10] in [0, 1): whether to jitter, whether to convert to
            grey, four factors, and four numbers whose order gives that of the changes.
        jitter: probability with which an image is jittered.
        grey: probability with which it is then converted to grey.

    Returns:
        float32 [n, H, W, 3] in [-1, 1].
    """
    whether, factors, order = tf.split(uniforms, [2, 4, 4], 1)
    x = original = (images + 1) / 2
    changes = (_brightness, _contrast, _saturation, _hue)
    turns = tf.argsort(order, axis=1)
    for turn in range(len(changes)):
        changed = x
        for index, change in enumerate(changes):
            spread = _each(2 * factors[:, index] - 1)  # from -1 to 1
            now = _each(turns[:, turn]) == index
            changed = tf.where(now, change(x, spread), changed)
        x = changed
    x = tf.where(_each(whether[:, 0]) < jitter, x, original)
    x = tf.where(_each(whether[:, 1]) < grey, _grey(x) + tf.zeros_like(x), x)
    return 2 * x - 1


def _brightness(x: tf.Tensor, spread: tf.Tensor) -> tf.Tensor:
    return _cut(x * (1 + STRENGTH * spread))


def _contrast(x: tf.Tensor, spread: tf.Tensor) -> tf.Tensor:
    mean = tf.reduce_mean(_grey(x), [1, 2, 3], keepdims=True)
    return _cut(mean + (1 + STRENGTH * spread) * (x - mean))


def _saturation(x: tf.Tensor, spread: tf.Tensor) -> tf.Tensor:
    grey = _grey(x)
    return _cut(grey + (1 + STRENGTH * spread) * (x - grey))


def _hue(x: tf.Tensor, spread: tf.Tensor) -> tf.Tensor:
    hue, rest = tf.split(tf.image.rgb_to_hsv(x), [1, 2], -1)
    hue = tf.math.floormod(hue + HUE * spread, 1.0)
    return _cut(tf.image.hsv_to_rgb(tf.concat([hue, rest], -1)))


def _grey(x: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(x * tf.constant(_LUMA), -1, keepdims=True)


def _cut(x: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(x, 0.0, 1.0)


def _each(values: tf.Tensor) -> tf.Tensor:
    """Reshapes one value per image, [n], to [n, 1, 1, 1]."""
    return values[:, None, None, None]
