"""Online self-training: a network learns what it is sure of at this very moment.

Dynamic Mutual Training (arXiv:2004.08514) section 5.4, Table 7 ("Online ST"), and its
release: predictions of the network with a confidence above a fixed threshold serve as
labels. They come from the same training pass over the augmented batch. Images or pixels
below the threshold are left out of the mean. Training starts from a trained baseline
(`--init_from=RUN`), and so its learning rate is small.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Tuple

import keras
import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.equations import confidence_mask, cross_entropy, hard_label
from mixdmt_tf.settings import override, setting


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the ablation, combined with a method's optimizer settings."""

    learning_rate: float = override(0.001)
    lambda_u: float = setting(
        1.0,
        "weight of an unlabelled image or pixel relative to a labelled one",
        low=0.0,
    )
    confidence_threshold: float = setting(
        0.9,
        "confidence above which a prediction is trained on (section 5.4)",
        low=0.0,
        high=1.0,
    )
    unlabeled_ratio: int = setting(
        7, "unlabelled images in a batch for each labelled one", low=1, high=1000
    )


def joint_loss(
    network: keras.Model,
    config: Any,
    labeled: Tuple[tf.Tensor, tf.Tensor, tf.Tensor],
    unlabeled: Tuple[tf.Tensor, tf.Tensor],
) -> Tuple[base.Term, tf.Tensor, tf.Tensor]:
    """Computes one loss term from a joint pass over labelled and unlabelled images.

    Args:
        network: maps images to logits.
        config: settings that include `Settings`.
        labeled: images float32 [b, H, W, channels]; targets float32 [b, C], or
            [b, H, W, C] for segmentation; mask of labelled images or pixels, float32
            [b, ...].
        unlabeled: images float32 [n, H, W, channels]; mask that is 0 for padding,
            float32 [n, ...].

    Returns:
        The term; predictions float32 [n, ..., C] for unlabelled images or pixels,
        without gradient; mask of those above the threshold, float32 [n, ...].
    """
    x, y, known = labeled
    u, inside = unlabeled
    logits = network(tf.concat([x, u], 0), training=True)
    p = tf.stop_gradient(tf.nn.softmax(logits[tf.shape(y)[0] :]))
    kept = confidence_mask(p, config.confidence_threshold)
    values = cross_entropy(tf.concat([y, hard_label(p)], 0), logits)
    counted = tf.concat([known, config.lambda_u * kept * inside], 0)
    return base.Term(values, counted), p, kept
