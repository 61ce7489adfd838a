"""Online self-training: a network learns what it is sure of at this very moment.

Dynamic Mutual Training (arXiv:2004.08514) section 5.4, Table 7 ("Online ST"), and its
release: the network's own classes with a confidence above a fixed threshold, found on
the augmented batch in the pass that is trained on, are labels like any other; images
or pixels below it are left out of the mean. It starts from a trained baseline
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
    """Those of the ablation; a method combines them with how it updates weights."""

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
    """One pass over labelled and unlabelled images, one mean over what counts.

    Args:
        network: images to logits.
        config: with `Settings`.
        labeled: images float32 [b, H, W, channels]; targets float32 [b, ..., C] with
            nothing in between for images, H, W for images; which have a label, float32
            [b, ...].
        unlabeled: images float32 [n, H, W, channels]; what is no padding, float32
            [n, ...].

    Returns:
        The term; predictions float32 [n, ..., C] for what is unlabelled, without
        gradient; which of them are sure enough, float32 [n, ...].
    """
    x, y, known = labeled
    u, inside = unlabeled
    logits = network(tf.concat([x, u], 0), training=True)
    p = tf.stop_gradient(tf.nn.softmax(logits[tf.shape(y)[0] :]))
    kept = confidence_mask(p, config.confidence_threshold)
    values = cross_entropy(tf.concat([y, hard_label(p)], 0), logits)
    counted = tf.concat([known, config.lambda_u * kept * inside], 0)
    return base.Term(values, counted), p, kept
