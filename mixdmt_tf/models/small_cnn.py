"""A small network without batch normalization, for tests and quick experiments.

Its outputs don't depend on the other rows of the batch, which makes properties such as
'two replicas equal one' exact.
"""

from __future__ import annotations

import dataclasses
from typing import Tuple

import keras

from mixdmt_tf.models.base import Network
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class SmallCNN(Network):
    """Size of the network."""

    filters: int = setting(
        16, "filters of the first of two convolutions", low=1, high=4096
    )

    def build(
        self,
        input_shape: Tuple[int, int, int],
        num_classes: int,
        portable: bool = False,
    ) -> keras.Model:
        """Builds two strided convolutions, a mean over positions, and a dense layer.

        Args:
            input_shape: (height, width, channels) of the images.
            num_classes: number of classes C.
            portable: has no effect here; there are only stock layers.

        Returns:
            A functional model: float images [B, H, W, channels] in [-1, 1] to float32
            logits [B, C].
        """
        del portable
        images = keras.Input(input_shape, name="image")
        x = images
        for filters in (self.filters, 2 * self.filters):
            x = keras.layers.Conv2D(filters, 3, 2, padding="same", activation="relu")(x)
        x = keras.layers.GlobalAveragePooling2D(dtype="float32")(x)
        logits = keras.layers.Dense(num_classes, dtype="float32", name="logits")(x)
        return keras.Model(images, logits, name="small_cnn")
