"""A network that reaches a low error fast, from random weights on a CPU.

Its design is that of the speed records on CIFAR-10 (Page 2018, 'How to Train Your
ResNet'; Jordan 2024, arXiv:2404.00498): a 2x2 convolution whose fixed
weights whiten the patches of the training images, then three blocks of two 3x3
convolutions, the first of each followed by 2x2 max pooling before anything else is
computed, batch normalization without scale, the maximum over positions, and a dense
layer without bias whose inputs are scaled down.

Few wide layers suit a CPU: those of WRN-16-1 have 16 to 64 channels, which leaves most
of a vector unit idle, and eight times as many layers between which memory is read and
written. `benchmarks/networks.py` measures what a step of each costs.

Differences from the records: half of their width, ReLU in place of GELU (a setting),
fixed whitening including its bias, and training by the methods' own optimizers.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Callable, ClassVar, Tuple

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf.equations import patch_whitening
from mixdmt_tf.models.base import Network
from mixdmt_tf.models.layers.normalization import batch_normalization
from mixdmt_tf.settings import setting

# Images whose patches are whitened. They have 1.9 million patches of 2x2 in CIFAR-10,
# a thousand times as many as the entries of the covariance matrix.
SAMPLE = 2000  # images whose patches are whitened; fewer if they are large
PIXELS = SAMPLE * 64 * 64  # of all of them
PATCHES = 2_000_000  # about as many as 2,000 images of 32x32 have
LAYER = "whitening"


@dataclasses.dataclass(frozen=True)
class WhitenedCNN(Network):
    """Size of the network, and its activation."""

    interchangeable: ClassVar[Tuple[str, ...]] = ("batch_norm_momentum",)

    filters: int = setting(
        32,
        "filters of the first block; the others have four times as many (64 in the "
        "speed records)",
        low=1,
        high=4096,
    )
    activation: str = setting(
        "relu",
        "of all layers; gelu, that of the speed records, takes longer on a CPU",
        choices=("relu", "gelu"),
    )
    batch_norm_momentum: float = setting(
        0.9,
        "momentum of batch normalization's running statistics",
        low=0.0,
        high=1.0,
    )
    logit_scale: float = setting(
        0.111,
        "factor of the logits, small so that predictions are unsure when training "
        "begins",
        low=0.0,
    )

    def build(
        self,
        input_shape: Tuple[int, int, int],
        num_classes: int,
        portable: bool = False,
    ) -> keras.Model:
        """Builds the network.

        Args:
            input_shape: (height, width, channels) of the images, of 2x2 or more.
            num_classes: number of classes C.
            portable: use stock Keras layers only, so that a saved model loads without
                this package.

        Returns:
            A functional model: float images [B, H, W, channels] in [-1, 1] to float32
            logits [B, C]. `adapt` sets the weights of its first layer.
        """
        images = keras.Input(input_shape, name="image")

        def normalize(x):
            x = batch_normalization(portable)(
                momentum=self.batch_norm_momentum, epsilon=1e-5, scale=False
            )(x)
            return keras.layers.Activation(self.activation)(x)

        def convolve(x, filters):
            return keras.layers.Conv2D(
                filters,
                3,
                padding="same",
                use_bias=False,
                kernel_initializer="he_normal",
            )(x)

        x = keras.layers.Conv2D(
            8 * input_shape[-1],
            2,
            kernel_initializer="orthogonal",
            trainable=False,
            name=LAYER,
        )(images)
        x = keras.layers.Activation(self.activation)(x)
        for width in (1, 4, 4):
            x = convolve(x, width * self.filters)
            x = normalize(keras.layers.MaxPooling2D(2, padding="same")(x))
            x = normalize(convolve(x, width * self.filters))
        x = keras.layers.GlobalMaxPooling2D(dtype="float32")(x)
        x = keras.layers.Rescaling(self.logit_scale, dtype="float32")(x)
        logits = keras.layers.Dense(
            num_classes, use_bias=False, dtype="float32", name="logits"
        )(x)
        return keras.Model(images, logits, name="whitened_cnn")

    def adapt(self, model: keras.Model, sample: Callable[[int], np.ndarray]) -> None:
        """Sets the first layer's weights so that it whitens patches of the images.

        Args:
            model: a model from `build` or `build_at`.
            sample: function from a number to at most as many training images, float32
                [N, H, W, channels] in [-1, 1].
        """
        inner = model
        for layer in model.layers:
            if isinstance(layer, keras.Model):  # images are resized before it
                inner = layer
        size = inner.input_shape[1:3]
        images = sample(min(SAMPLE, max(1, PIXELS // math.prod(size))))
        if images.shape[1:3] != size:
            images = tf.image.resize(images, size).numpy()
        views = np.lib.stride_tricks.sliding_window_view(images, (2, 2), axis=(1, 2))
        # Patches next to each other have three quarters of their pixels in common.
        apart = math.ceil(math.sqrt(math.prod(views.shape[:3]) / PATCHES))
        views = np.moveaxis(views[:, ::apart, ::apart], 3, -1)
        patches = views.reshape(-1, 2, 2, images.shape[-1])
        inner.get_layer(LAYER).set_weights(patch_whitening(patches))
