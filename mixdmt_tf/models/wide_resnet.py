"""Wide residual network in the form of MixMatch and RealMix.

Zagoruyko and Komodakis 2016, as MixMatch (`libml/models.py`) and RealMix run it:
pre-activation blocks, leaky ReLU 0.1, convolutions with biases, TensorFlow's 'same'
padding, batch normalization with momentum .999 and epsilon 1e-3. WRN-28-2 for ten
classes of 32x32x3 images has 1,469,642 trainable parameters.
"""

from __future__ import annotations

import dataclasses
from typing import Tuple

import keras

from mixdmt_tf.models.activations import LeakyReLU
from mixdmt_tf.settings import check, setting, settings_of


@dataclasses.dataclass(frozen=True)
class Config:
    """Size of the network."""

    depth: int = setting(
        28,
        "layers with weights: 4, and 6 for each block of a stage",
        choices=(10, 16, 22, 28, 34, 40, 46, 52, 58, 64, 70, 76, 82, 88, 94, 100),
    )
    width: int = setting(2, "the stages have 16, 32, 64, ... x width filters", low=1)
    stages: int = setting(
        3, "stages; each after the first halves the image (STL-10 runs use 4)", low=1
    )

    batch_norm_momentum: float = setting(
        0.999,
        "momentum of batch normalization's running statistics; .999 needs some 5,000 "
        "steps to forget its start, so short runs want .9 or .99",
        low=0.0,
        high=1.0,
    )

    def __post_init__(self) -> None:
        """Refuses values out of range with a UsageError."""
        check(settings_of(type(self)), self)

    @property
    def blocks(self) -> int:
        """Residual blocks per stage."""
        return (self.depth - 4) // 6


def build(
    config: Config,
    input_shape: Tuple[int, int, int],
    num_classes: int,
    portable: bool = False,
) -> keras.Model:
    """Builds the network.

    Args:
        config: depth, width and number of stages.
        input_shape: (height, width, channels) of the images.
        num_classes: number of classes C.
        portable: use stock Keras layers only, so that a saved model loads without this
            package. The weights and the values of a forward pass are the same.

    Returns:
        A functional model: float images [B, H, W, channels] in [-1, 1] to float32
        logits [B, C], whatever the precision policy.
    """

    def activate(x):
        x = keras.layers.BatchNormalization(
            momentum=config.batch_norm_momentum, epsilon=1e-3
        )(x)
        return keras.layers.LeakyReLU(0.1)(x) if portable else LeakyReLU()(x)

    def convolve(x, filters, kernel, stride=1):
        # He initialization over the fan-out, not truncated: N(0, 2 / (k^2 filters)).
        deviation = (2.0 / (kernel * kernel * filters)) ** 0.5
        return keras.layers.Conv2D(
            filters,
            kernel,
            stride,
            padding="same",
            kernel_initializer=keras.initializers.RandomNormal(0.0, deviation),
        )(x)

    def block(x, filters, stride, activate_before_residual):
        activated = activate(x)
        if activate_before_residual:
            x = activated
        shortcut = x if x.shape[-1] == filters else convolve(x, filters, 1, stride)
        x = convolve(activated, filters, 3, stride)
        x = convolve(activate(x), filters, 3)
        return keras.layers.Add()([shortcut, x])

    blocks = config.blocks
    images = keras.Input(input_shape, name="image")
    x = convolve(images, 16, 3)
    for stage in range(config.stages):
        filters = 16 * config.width << stage
        for index in range(blocks):
            stride = 2 if stage > 0 and index == 0 else 1
            x = block(x, filters, stride, activate_before_residual=stage == index == 0)
    x = keras.layers.GlobalAveragePooling2D(dtype="float32")(activate(x))
    logits = keras.layers.Dense(
        num_classes, kernel_initializer="glorot_normal", dtype="float32", name="logits"
    )(x)
    return keras.Model(images, logits, name="wide_resnet")
