"""EfficientNet-Lite2 for classification, with ImageNet weights.

6,092,072 parameters with 1,000 classes; see `efficientnet_lite0.py`.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from mixdmt_tf.models import efficientnet_lite0


@dataclasses.dataclass(frozen=True)
class EfficientNetLite2(efficientnet_lite0.EfficientNetLite0):
    """Settings: the weights to start from, and the layers to train."""

    size: ClassVar[int] = 2
