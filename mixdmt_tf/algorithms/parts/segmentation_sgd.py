"""How methods for images update weights, and what is the same about their losses.

Dynamic Mutual Training (arXiv:2004.08514) section 5.2.2 and appendix B, PASCAL VOC.
"""

from __future__ import annotations

import dataclasses
from typing import Tuple

import tensorflow as tf

from mixdmt_tf.settings import override

# The network of DMT, and its batch (Table 1: eight images).
assumes = {"network": "deeplab_v2", "batch": 8}


@dataclasses.dataclass(frozen=True)
class Defaults:
    """SGD in torch's form, the poly learning rate, no average of weights.

    A method combines them with `base.Config`.
    """

    optimizer: str = override("sgd")
    learning_rate: float = override(0.002, "appendix B; Cityscapes: 0.004")
    learning_rate_schedule: str = override("poly")
    weight_decay: float = override(0.0005)
    weight_decay_form: str = override("l2")
    ema_decay: float = override(
        0.0,
        "these weights give the pseudo labels, too; 0, as in the paper: the last "
        "weights",
    )


def with_labels(y: tf.Tensor, classes: int) -> Tuple[tf.Tensor, tf.Tensor]:
    """Returns the targets of a label map, and a mask of the pixels with a label.

    Args:
        y: int32 [..., H, W], classes, 255 where ignored.
        classes: number of classes C.

    Returns:
        Targets float32 [..., H, W, C], one-hot, zeros where ignored; mask float32
        [..., H, W].
    """
    targets = tf.one_hot(y, classes)
    return targets, tf.reduce_sum(targets, -1)
