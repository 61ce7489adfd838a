"""What UDA and FixMatch share: strongly augmented copies, one pass, and SGD.

Both were published with SGD, Nesterov's momentum, a learning rate that follows
cos(7 pi t / 16 T), and seven unlabelled images for each labelled one.
"""

from __future__ import annotations

import dataclasses
from typing import Dict, Tuple

import keras
import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.settings import override, setting


@dataclasses.dataclass(frozen=True)
class Config(base.Config):
    """Settings of weight updates and batches for both methods."""

    optimizer: str = override("sgd")
    learning_rate: float = override(0.03)
    learning_rate_schedule: str = override("cosine_7_16")
    nesterov: bool = override(True)
    weight_decay: float = override(0.0005)
    weight_decay_form: str = override("l2")
    lambda_u: float = setting(1.0, "weight of the unlabelled loss", low=0.0)
    unlabeled_ratio: int = setting(
        7, "unlabelled images in a batch for each labelled one", low=1, high=1000
    )


def recipe(config: Config, copies_augment: str) -> Recipe:
    """Returns batches with each unlabelled image and a strongly augmented copy."""
    return Recipe(
        unlabeled_views=1,
        unlabeled_ratio=config.unlabeled_ratio,
        original_views=1,
        copies=100,
        copies_augment=copies_augment,
    )


def joint_pass(
    network: keras.Model, batch: Dict[str, tf.Tensor]
) -> Tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Predicts all images of a batch at once, as the releases of UDA and FixMatch do.

    Batch normalization normalizes labelled images, unlabelled ones and their copies by
    the same statistics, and updates its running statistics once.

    Args:
        network: maps images to logits.
        batch: with x [b, H, W, C], u_original [n, 1, H, W, C] and u [n, 1, H, W, C].

    Returns:
        float32 logits [b, classes], [n, classes] and [n, classes] of the three.
    """
    blocks = [batch["x"], batch["u_original"][:, 0], batch["u"][:, 0]]
    logits = network(tf.concat(blocks, 0), training=True)
    return tuple(tf.split(logits, [tf.shape(block)[0] for block in blocks], num=3))


def guess_reports(
    probs: tf.Tensor, kept: tf.Tensor, truth: tf.Tensor
) -> Dict[str, base.Reported]:
    """Reports the confidence of the guesses, the share kept, and their accuracy.

    Args:
        probs: float32 [n, classes], predictions for the unlabelled images.
        kept: float32 [n] of zeros and ones.
        truth: int32 [n], hidden classes; rows with a negative class are not counted.

    Returns:
        `kept` and `confidence` over all rows, `guess_accuracy` over those that count
        and have a class; 0 when there are none.
    """
    hits = tf.equal(tf.argmax(probs, -1, tf.int32), truth)
    judged = kept * tf.cast(truth >= 0, tf.float32)
    return {
        "kept": kept,
        "confidence": tf.reduce_max(probs, -1),
        "guess_accuracy": (tf.cast(hits, tf.float32), judged),
    }
