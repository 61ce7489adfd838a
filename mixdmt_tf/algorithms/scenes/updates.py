"""How methods for scenes update weights, and what is the same about their losses.

Dynamic Mutual Training (arXiv:2004.08514) section 5.2.2 and appendix B, PASCAL VOC.
"""

from __future__ import annotations

import dataclasses
from typing import Tuple

import tensorflow as tf

from mixdmt_tf.algorithms import sgd
from mixdmt_tf.settings import setting


# The network of DMT, its batch (Table 1: eight scenes), and how often its release
# scores.
assumes = {
    "network": "deeplab_v2",
    "batch": 8,
    "eval_every": 500,
    "checkpoint_every": 500,
}


@dataclasses.dataclass(frozen=True)
class Config(sgd.Config):
    """SGD in torch's form, the poly learning rate, no average of weights."""

    learning_rate: float = setting(
        0.002, "learning rate at the start (appendix B; Cityscapes: 0.004)", low=0.0
    )
    learning_rate_schedule: str = setting(
        "poly",
        "poly: times (1 - t/T)^.9, as DeepLab; cosine_7_16: times cos(7 pi t / 16 T), "
        "as UDA and FixMatch; cosine: to zero at the end of the run",
        choices=("constant", "cosine_7_16", "cosine", "poly"),
    )
    ema_decay: float = setting(
        0.0,
        "decay of the moving average of the weights that is evaluated, exported and "
        "asked for pseudo labels; 0, as in the paper, is no average: the last weights",
        low=0.0,
        high=1.0,
    )


def with_labels(y: tf.Tensor, classes: int) -> Tuple[tf.Tensor, tf.Tensor]:
    """Targets of a label map, and which pixels have one.

    Args:
        y: int32 [..., H, W], classes, 255 where ignored.
        classes: C.

    Returns:
        float32 [..., H, W, C], one-hot, zeros where ignored; float32 [..., H, W].
    """
    targets = tf.one_hot(y, classes)
    return targets, tf.reduce_sum(targets, -1)
