"""Encoders: networks that compute features of images, by name."""

from __future__ import annotations

from typing import Any, Dict

from mixdmt_tf.models import resnet
from mixdmt_tf.models.encoders.efficientnet_lite import EfficientNetLite
from mixdmt_tf.models.layers.input_normalization import InputNormalization

# Not every network in models/ has features of all resolutions.
BACKBONES = (
    "efficientnet_lite0",
    "efficientnet_lite1",
    "efficientnet_lite2",
    "resnet50",
    "resnet101",
)


def features(
    backbone: str, images: Any, batch_norm_momentum: float, output_stride: int
) -> Dict[int, Any]:
    """Applies an encoder to a Keras tensor.

    Args:
        backbone: one of `BACKBONES`; residual networks are those of torchvision.
        images: float [B, H, W, 3] in [-1, 1].
        batch_norm_momentum: of the running statistics.
        output_stride: 16 or 32.

    Returns:
        The last features of each resolution, [B, ceil(H / s), ceil(W / s), channels],
        by their stride s: 4, 8, 16 and, with an output stride of 32, 32.
    """
    if backbone.startswith("efficientnet_lite"):
        encoder = EfficientNetLite(int(backbone[-1]), batch_norm_momentum)
        return encoder.features(images, output_stride)
    config = resnet.ResNet(
        int(backbone[len("resnet") :]),
        output_stride=output_stride,
        batch_norm_momentum=batch_norm_momentum,
    )
    normalized = InputNormalization("imagenet", name="normalization")(images)
    return resnet.stages(config, normalized)
