"""Networks that judge what segmentation networks predict.

- `map_discriminator` (Hung et al. 2018, arXiv:1802.07934, section 3.1): is each pixel
  of a class map of a label map, or predicted? Five 4x4 convolutions of stride 2; no
  batch normalization.

The number of strided convolutions is a setting of the methods: five halve crops of 321
to 10 pixels, and crops of 48 to a single one.
"""

from __future__ import annotations

from typing import Any, Optional, Tuple

import keras

from mixdmt_tf.errors import UsageError
from mixdmt_tf.models.layers.upsampling import Upsampling


def require_size(size: Tuple[Optional[int], Optional[int]], layers: int) -> None:
    """Makes sure that something is left of a crop.

    Args:
        size: height and width of the crop, None if unknown.
        layers: convolutions that halve it.

    Raises:
        UsageError: if nothing is.
    """
    smallest = min((side for side in size if side), default=2**layers)
    most = smallest.bit_length() - 1
    if layers > most:
        raise UsageError(
            f"--discriminator_layers={layers} leave nothing of crops of "
            f"{size[0]}x{size[1]} pixels: each layer halves them.\n"
            f"Use at most {most}, or a larger --crop."
        )


def map_discriminator(classes: int, layers: int = 5, width: int = 64) -> keras.Model:
    """The discriminator of Hung et al.

    Args:
        classes: C.
        layers: convolutions of stride 2, the last of which has one filter.
        width: filters of the first one; each of the next has twice as many.

    Returns:
        A model from class maps float32 [B, H, W, C] to float32 logits [B, H, W, 1],
        bilinear between those of the last layer.
    """
    maps = keras.Input((None, None, classes), name="map")
    x = maps
    for index in range(layers - 1):
        x = keras.layers.LeakyReLU(0.2)(convolve(x, width * 2**index))
    logits = Upsampling(name="logits")([convolve(x, 1), maps])
    return keras.Model(maps, logits, name="map_discriminator")


def convolve(x: Any, filters: int, stride: int = 2) -> Any:
    """A 4x4 convolution with a border of one pixel, as torch has and initializes it.

    Kernel and bias are uniform within 1 / sqrt(inputs of a filter).
    """
    limit = (16 * x.shape[-1]) ** -0.5
    kernel, bias = (keras.initializers.RandomUniform(-limit, limit) for _ in "kb")
    x = keras.layers.ZeroPadding2D(1)(x)
    return keras.layers.Conv2D(
        filters, 4, stride, kernel_initializer=kernel, bias_initializer=bias
    )(x)
