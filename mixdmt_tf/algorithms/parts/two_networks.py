"""What Deep Co-Training and Dual Student share: two networks, passes, settings of SGD.

Both train a network and a peer of the same architecture (`base.Algorithm.peer`), which
start from different weights and both learn the labels. Only the network is averaged,
evaluated and exported. The papers average no weights, so their results correspond to
the errors of the raw weights.

Both were published with a learning rate that falls from .1 to 0 along a cosine, a
weight decay of 1e-4 that is added to the gradients of all weights, and unlabelled
losses that grow as exp(-5 (1 - t)^2) at the start of the run.
"""

from __future__ import annotations

import dataclasses
from typing import Dict, Tuple

import keras
import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.equations import cross_entropy
from mixdmt_tf.models.layers.normalization import frozen_statistics
from mixdmt_tf.settings import override


@dataclasses.dataclass(frozen=True)
class Config(base.Config):
    """Settings of weight updates; methods declare `warmup` and `unlabeled_ratio`."""

    optimizer: str = override("sgd")
    learning_rate: float = override(0.1)
    learning_rate_schedule: str = override("cosine")
    weight_decay: float = override(0.0001)
    weight_decay_form: str = override("l2")


def joint_pass(
    network: keras.Model, x: tf.Tensor, u: tf.Tensor
) -> Tuple[tf.Tensor, tf.Tensor]:
    """Predicts labelled and unlabelled images in one pass, one batch of the papers.

    Batch normalization normalizes both by the same statistics. Its running statistics
    are updated here only. (The release of Deep Co-Training passes its eight labelled
    images separately, and in both releases further passes update them, too.)

    Args:
        network: maps images to logits.
        x: float32 [b, H, W, channels].
        u: float32 [n, H, W, channels].

    Returns:
        float32 logits [b, C] and [n, C].
    """
    logits = network(tf.concat([x, u], 0), training=True)
    return logits[: tf.shape(x)[0]], logits[tf.shape(x)[0] :]


def predict(network: keras.Model, images: tf.Tensor) -> tf.Tensor:
    """Returns logits in training mode without updating the running statistics.

    Args:
        network: maps images to logits.
        images: float32 [n, H, W, channels].

    Returns:
        float32 [n, C].
    """
    with frozen_statistics(network):
        return network(images, training=True)


def supervised_terms(
    y: tf.Tensor, logits: tf.Tensor, peer_logits: tf.Tensor, weight: float = 1.0
) -> Dict[str, base.Term]:
    """Returns the cross-entropies of both networks on the labelled images.

    Args:
        y: int32 [b], classes.
        logits: float32 [b, C] of the network.
        peer_logits: float32 [b, C] of the peer.
        weight: weight of each of the two terms.

    Returns:
        `loss_x` and `loss_x_peer`.
    """
    labels = tf.one_hot(y, logits.shape[-1])
    return {
        "loss_x": base.Term(cross_entropy(labels, logits), weight=weight),
        "loss_x_peer": base.Term(cross_entropy(labels, peer_logits), weight=weight),
    }
