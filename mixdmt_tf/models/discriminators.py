"""Discriminators: networks that judge the predictions of segmentation networks.

- `map_discriminator` (Hung et al. 2018, arXiv:1802.07934): tells for each pixel of a
  class map whether it is from a label map or predicted. Five 4x4 convolutions of stride
  2; no batch normalization.
- `image_discriminator` (s4GAN: Mittal, Tatarchenko and Brox, arXiv:1908.05724): tells
  whether a class map belongs to an image and is from a label map. Four such
  convolutions, dropout of whole maps, and the mean over positions: features for feature
  matching, and one logit.
- `flaw_detector` (GCT: Ke et al. 2020, arXiv:2008.05258): predicts the error of each
  pixel. Convolutions of stride 2 and 1 in turn, normalized half by the batch and half
  by the image.

The number of strided convolutions is a setting of the methods: five halve crops of 321
to 10 pixels, and crops of 48 to a single one.
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import keras

from mixdmt_tf.errors import UsageError
from mixdmt_tf.models.layers.dropout import Dropout
from mixdmt_tf.models.layers.upsampling import Upsampling


def require_size(
    size: Tuple[Optional[int], Optional[int]], layers: int, between: bool = False
) -> None:
    """Checks that a crop is large enough for the strided convolutions.

    Args:
        size: height and width of the crop, None if unknown.
        layers: number of convolutions that halve it.
        between: whether each of these but the first and the last is followed by a
            convolution of stride 1, which removes a pixel.

    Raises:
        UsageError: if no pixels would be left.
    """

    def left(side: int, layers: int) -> int:
        for index in range(layers):
            side = side // 2 - (between and 0 < index < layers - 1)
        return side

    smallest = min((side for side in size if side), default=1024)
    if left(smallest, layers) < 1:
        most = max(n for n in range(layers) if n == 0 or left(smallest, n) > 0)
        raise UsageError(
            f"--discriminator_layers={layers} leave nothing of crops of "
            f"{size[0]}x{size[1]} pixels: each layer halves them.\n"
            f"Use at most {most}, or a larger --crop."
        )


def map_discriminator(classes: int, layers: int = 5, width: int = 64) -> keras.Model:
    """Builds the discriminator of Hung et al.

    Args:
        classes: C.
        layers: number of convolutions of stride 2; the last one has one filter.
        width: filters of the first one; each following one has twice as many.

    Returns:
        A model from class maps float32 [B, H, W, C] to float32 logits [B, H, W, 1],
        upsampled bilinearly from those of the last layer.
    """
    maps = keras.Input((None, None, classes), name="map")
    x = maps
    for index in range(layers - 1):
        x = keras.layers.LeakyReLU(0.2)(convolve(x, width * 2**index))
    logits = Upsampling(name="logits")([convolve(x, 1), maps])
    return keras.Model(maps, logits, name="map_discriminator")


def image_discriminator(
    classes: int,
    layers: int = 4,
    width: int = 64,
    dropout: float = 0.5,
    channels: int = 3,
) -> keras.Model:
    """Builds the discriminator of s4GAN.

    Args:
        classes: C.
        layers: number of convolutions of stride 2.
        width: filters of the first one; each following one has twice as many.
        dropout: share of maps to drop in training mode after each convolution but the
            last. The masks are functions of the images, so the same images have the
            same masks.
        channels: of the images.

    Returns:
        A model from class maps float32 [B, H, W, C] and images [B, H, W, channels] in
        [-1, 1] to float32 features [B, F] and logits [B, 1], with F = width *
        2^(layers - 1).
    """
    maps = keras.Input((None, None, classes), name="map")
    images = keras.Input((None, None, channels), name="image")
    # In s4GAN images are scaled to [0, 1], the range of probabilities.
    shown = keras.layers.Rescaling(0.5, 0.5, dtype="float32")(images)
    x = keras.layers.Concatenate(dtype="float32")([maps, shown])
    for index in range(layers):
        x = keras.layers.LeakyReLU(0.2)(convolve(x, width * 2**index))
        if dropout and index + 1 < layers:
            x = Dropout(dropout, index, maps=True)([x, images])
    features = keras.layers.GlobalAveragePooling2D(dtype="float32", name="features")(x)
    logit = keras.layers.Dense(
        1, **_uniform(features.shape[-1]), dtype="float32", name="logit"
    )(features)
    return keras.Model([maps, images], [features, logit], name="image_discriminator")


def flaw_detector(
    classes: int, layers: int = 5, width: int = 64, channels: int = 3
) -> keras.Model:
    """Builds the flaw detector of GCT.

    Args:
        classes: C.
        layers: number of convolutions of stride 2; the last one has one filter.
        width: filters of the first one; each following one has twice as many.
        channels: of the images.

    Returns:
        A model from class maps float32 [B, H, W, C] and images [B, H, W, channels] to
        unbounded float32 flaws [B, H, W, 1], upsampled bilinearly from those of the
        last layer.
    """
    maps = keras.Input((None, None, classes), name="map")
    images = keras.Input((None, None, channels), name="image")
    x = keras.layers.Concatenate(dtype="float32")([maps, images])
    for index in range(layers - 1):
        for stride in (2, 1) if index else (2,):
            x = _half_normalized(convolve(x, width * 2**index, stride))
            x = keras.layers.LeakyReLU(0.2)(x)
    flaws = Upsampling(name="flaws")([convolve(x, 1), maps])
    return keras.Model([maps, images], flaws, name="flaw_detector")


def _half_normalized(x: Any) -> Any:
    """Normalizes half of the maps by batch statistics, half by each image's own."""
    half = x.shape[-1] // 2
    # The batch statistics are those of all replicas, as in the release.
    batch = keras.layers.BatchNormalization(epsilon=1e-5, synchronized=True)
    image = keras.layers.GroupNormalization(-1, epsilon=1e-5, center=False, scale=False)
    return keras.layers.Concatenate()([batch(x[..., :half]), image(x[..., half:])])


def convolve(x: Any, filters: int, stride: int = 2) -> Any:
    """Applies a 4x4 convolution, padded by one pixel and initialized as in PyTorch.

    Kernel and bias are uniform within 1 / sqrt(inputs of a filter).
    """
    x = keras.layers.ZeroPadding2D(1)(x)
    return keras.layers.Conv2D(filters, 4, stride, **_uniform(16 * x.shape[-1]))(x)


def _uniform(inputs: int) -> Dict[str, Any]:
    limit = inputs**-0.5
    kinds = ("kernel_initializer", "bias_initializer")
    return {kind: keras.initializers.RandomUniform(-limit, limit) for kind in kinds}
