"""Decoders for segmentation, from features of an encoder to logits of classes.

- `lite`: for CPUs and small devices. Three dilated 3x3 convolutions add context to the
  features of stride 16; two merges add features of stride 8 and 4 for the edges.
- `deeplab_v2` (Chen et al. 2017a, arXiv:1606.00915): a convolution to the classes for
  each atrous rate, all on the features of the output stride, and their sum.
- `deeplab_v3_plus` (Chen et al. 2018, arXiv:1802.02611): atrous spatial pyramid pooling
  of 1x1, three dilated 3x3 convolutions and the mean of the image (figure 2), then one
  merge with 48 channels of stride 4 and two 3x3 convolutions.
- `pspnet` (Zhao et al. 2017, arXiv:1612.01105, section 3.2): means over 1, 2x2, 3x3 and
  6x6 parts of the image beside the features, and a 3x3 convolution. The network of
  cross-consistency training (arXiv:2003.09005), with 512 filters.

Names of layers begin with `decoder_`, or with `classes` if they compute the logits.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, Dict, Tuple

import keras

from mixdmt_tf.models.layers.normalization import batch_normalization
from mixdmt_tf.models.layers.pooling import GridMeans
from mixdmt_tf.models.layers.sums import Add
from mixdmt_tf.models.layers.upsampling import Upsampling

Features = Dict[int, Any]


@dataclasses.dataclass(frozen=True)
class Decoder:
    """One kind of decoder.

    Attributes:
        output_stride: of the encoder that it is for.
        decode: function of (features by stride, classes, width, momentum) to logits
            [B, h, w, C], smaller than the image.
    """

    output_stride: int
    decode: Callable[[Features, int, int, float], Any]


def _lite(features: Features, classes: int, width: int, momentum: float) -> Any:
    def unit(x: Any, name: str, filters: int, kernel: int = 3, rate: int = 1) -> Any:
        return _unit(x, name, filters, kernel, rate, momentum)

    around = [unit(features[16], f"rate{rate}", width, 3, rate) for rate in (1, 2, 4)]
    x = keras.layers.Concatenate(name="decoder_rates")(around)
    x = unit(x, "around", width, 1)
    for stride in (8, 4):
        side = unit(features[stride], f"side{stride}", width // 2, 1)
        x = Upsampling(name=f"decoder_upsampled{stride}")([x, side])
        x = keras.layers.Concatenate(name=f"decoder_merge{stride}")([x, side])
        x = unit(x, f"merged{stride}", width)
    return keras.layers.Conv2D(classes, 1, name="classes")(x)


def _deeplab_v2(features: Features, classes: int, width: int, momentum: float) -> Any:
    del width, momentum  # unused here
    branches = [
        keras.layers.Conv2D(
            *(classes, 3), padding="same", dilation_rate=rate, name=f"classes_{index}"
        )(features[16])
        for index, rate in enumerate((3, 6, 9, 12))  # 6, 12, 18, 24 at stride 8
    ]
    return Add(name="classes", dtype="float32")(branches)


def _deeplab_v3_plus(
    features: Features, classes: int, width: int, momentum: float
) -> Any:
    def unit(x: Any, name: str, filters: int, kernel: int = 3, rate: int = 1) -> Any:
        return _unit(x, name, filters, kernel, rate, momentum)

    last = features[16]
    pyramid = [unit(last, "aspp0", width, 1)]
    for index, rate in enumerate((6, 12, 18)):
        pyramid.append(unit(last, f"aspp{index + 1}", width, 3, rate))
    mean = keras.layers.GlobalAveragePooling2D(keepdims=True, name="decoder_mean")(last)
    mean = _of_an_image(mean, width)
    pyramid.append(Upsampling(name="decoder_everywhere")([mean, pyramid[0]]))
    x = unit(keras.layers.Concatenate(name="decoder_pyramid")(pyramid), "all", width, 1)
    side = unit(features[4], "side4", 48, 1)
    x = Upsampling(name="decoder_upsampled4")([x, side])
    x = keras.layers.Concatenate(name="decoder_merge4")([x, side])
    x = unit(unit(x, "merged4_0", width), "merged4_1", width)
    return keras.layers.Conv2D(classes, 1, name="classes")(x)


def _pspnet(features: Features, classes: int, width: int, momentum: float) -> Any:
    last = features[16]
    pyramid = [last]
    for bins in (1, 2, 3, 6):
        x = GridMeans(bins, name=f"decoder_grid{bins}")(last)
        if bins == 1:
            x = _of_an_image(x, width)
        else:
            x = _unit(x, f"bins{bins}", width, 1, 1, momentum)
        pyramid.append(Upsampling(name=f"decoder_upsampled{bins}")([x, last]))
    x = keras.layers.Concatenate(name="decoder_pyramid")(pyramid)
    x = _unit(x, "all", width, 3, 1, momentum)
    return keras.layers.Conv2D(classes, 1, name="classes")(x)


def _of_an_image(mean: Any, width: int) -> Any:
    """Applies a convolution and ReLU to one value per channel and image.

    There is no batch normalization: small batches would have too few values.
    """
    return keras.layers.Conv2D(width, 1, activation="relu", name="decoder_image")(mean)


def _unit(
    x: Any, name: str, filters: int, kernel: int, rate: int, momentum: float
) -> Any:
    """Applies a convolution, batch normalization and ReLU."""
    x = keras.layers.Conv2D(
        filters,
        kernel,
        padding="same",
        dilation_rate=rate,
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"decoder_{name}",
    )(x)
    x = batch_normalization()(
        momentum=momentum, epsilon=1e-5, name=f"decoder_{name}_bn"
    )(x)
    return keras.layers.ReLU(name=f"decoder_{name}_relu")(x)


DECODERS: Dict[str, Decoder] = {
    "lite": Decoder(32, _lite),
    "deeplab_v2": Decoder(16, _deeplab_v2),
    "deeplab_v3_plus": Decoder(16, _deeplab_v3_plus),
    "pspnet": Decoder(16, _pspnet),
}
NAMES: Tuple[str, ...] = tuple(DECODERS)
