"""What methods share that use unlabelled images without pseudo labels in files."""

from __future__ import annotations

import dataclasses
from typing import Tuple

import keras
import tensorflow as tf

from mixdmt_tf.settings import setting

assumes = {"batch": 4}  # with as many unlabelled images: eight in all


@dataclasses.dataclass(frozen=True)
class Batches:
    """Settings of length and batches, combined with a method's optimizer settings."""

    epochs: float = setting(
        20.0,
        "passes over the unlabelled images; --steps overrides it",
        low=0.001,
        high=1000000.0,
    )
    unlabeled_ratio: int = setting(
        1, "unlabelled images in a batch for each labelled one", low=1, high=1000
    )


@dataclasses.dataclass(frozen=True)
class Unlabeled:
    """Settings of methods with one loss on unlabelled images."""

    lambda_u: float = setting(
        1.0, "weight of the loss on unlabelled images, after its warm-up", low=0.0
    )


@dataclasses.dataclass(frozen=True)
class Passes:
    """Settings of the passes of labelled and unlabelled images."""

    one_pass: bool = setting(
        False,
        "labelled and unlabelled images go through the network together, and batch "
        "normalization uses the statistics of both; off: apart, each with their own. "
        "In short runs from random weights the noise of smaller batches' statistics "
        "regularizes",
    )


def predict(
    network: keras.Model, labeled: tf.Tensor, unlabeled: tf.Tensor, one_pass: bool
) -> Tuple[tf.Tensor, tf.Tensor]:
    """Returns the logits of a network in training mode, in one pass or two.

    Args:
        network: maps images to logits.
        labeled: float32 [m, h, w, 3].
        unlabeled: float32 [n, h, w, 3].
        one_pass: see `Passes`.

    Returns:
        float32 [m, h, w, C] and [n, h, w, C].
    """
    if not one_pass:
        return network(labeled, training=True), network(unlabeled, training=True)
    logits = network(tf.concat([labeled, unlabeled], 0), training=True)
    return logits[: tf.shape(labeled)[0]], logits[tf.shape(labeled)[0] :]
