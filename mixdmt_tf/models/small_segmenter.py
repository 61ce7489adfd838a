"""A small network for segmentation, for tests and machines without a GPU.

An encoder halves the image two or three times, dilated convolutions with shortcuts add
context (Yu and Koltun 2016), and a decoder uses the features of half the size again,
for the edges. It has about 190,000 parameters by default.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Tuple

import keras

from mixdmt_tf.models.base import Network
from mixdmt_tf.models.layers.normalization import batch_normalization
from mixdmt_tf.models.layers.upsampling import Upsampling
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class SmallSegmenter(Network):
    """Size of the network."""

    head: ClassVar[Tuple[str, ...]] = ("classes",)
    interchangeable: ClassVar[Tuple[str, ...]] = ("batch_norm_momentum",)

    width: int = setting(
        16,
        "filters of the first convolution; the dilated ones have 4 times as many",
        low=1,
    )
    depth: int = setting(
        4,
        "dilated convolutions, of rates 1, 2, 4, 8, ...; four of them see 31 features "
        "across",
        low=1,
        high=8,
    )
    output_stride: int = setting(
        4,
        "pixels of the image for one of the dilated features, in each direction",
        choices=(4, 8),
    )
    batch_norm_momentum: float = setting(
        0.9,
        "momentum of batch normalization's running statistics",
        low=0.0,
        high=1.0,
    )

    def build_segmenter(
        self,
        image_shape: Tuple[Any, Any, int],
        num_classes: int,
        portable: bool = False,
    ) -> keras.Model:
        """Builds the network.

        Args:
            image_shape: (height, width, channels); a height or width of None makes a
                network for images of any size.
            num_classes: number of classes C.
            portable: has no effect here. Keras has no layer that upsamples with corners
                aligned, so a .keras file of this network needs this package in any
                case; a SavedModel does not.

        Returns:
            A functional model: float images [B, H, W, channels] in [-1, 1] to float32
            logits [B, H, W, C], whatever the precision policy.
        """
        del portable

        def convolve(x, filters, stride=1, dilation=1):
            padding = "same"
            if stride > 1:
                # The features then lie on every second pixel from the first one on, as
                # upsampling with aligned corners assumes.
                x, padding = keras.layers.ZeroPadding2D(1)(x), "valid"
            x = keras.layers.Conv2D(
                filters,
                3,
                stride,
                padding=padding,
                dilation_rate=dilation,
                use_bias=False,
                kernel_initializer="he_normal",
            )(x)
            return batch_normalization()(
                momentum=self.batch_norm_momentum, epsilon=1e-5
            )(x)

        def activate(x):
            return keras.layers.ReLU()(x)

        images = keras.Input(image_shape, name="image")
        half = x = activate(convolve(images, self.width, 2))
        x = activate(convolve(x, 2 * self.width, 2))
        if self.output_stride == 8:
            x = activate(convolve(x, 4 * self.width, 2))
        x = activate(convolve(x, 4 * self.width))
        for index in range(self.depth):
            change = convolve(x, 4 * self.width, dilation=2**index)
            x = activate(keras.layers.Add()([x, change]))
        # The upsampled features are float32: fewer of them cost less in half precision.
        x = activate(convolve(x, self.width))
        x = keras.layers.Concatenate()([Upsampling()([x, half]), half])
        x = activate(convolve(x, 2 * self.width))
        x = keras.layers.Conv2D(num_classes, 1, name="classes")(x)
        logits = Upsampling(name="logits")([x, images])
        return keras.Model(images, logits, name="small_segmenter")
