"""Which forward passes may touch the running statistics of batch normalization."""

from __future__ import annotations

import contextlib
from typing import Iterator

import keras


@contextlib.contextmanager
def frozen_statistics(network: keras.Model) -> Iterator[None]:
    """Training-mode passes that leave the running mean and variance alone.

    Batch normalization still normalizes with the statistics of the batch, but its
    moving averages stay as they are. MixMatch and RealMix need this for the passes
    that guess labels and for all interleaved batches but the first (RealMix
    `realmix.py`, MixMatch `libml/layers.py`); ports that let every pass update the
    averages lose accuracy.

    It works on any Keras network: a momentum of one makes each moving average keep its
    own value. The value is read while a `tf.function` is traced, so the context costs
    nothing when it runs.

    Args:
        network: the network whose `keras.layers.BatchNormalization` layers are frozen,
            nested models included.
    """
    layers = [
        layer
        for layer in network._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    momenta = [layer.momentum for layer in layers]
    try:
        for layer in layers:
            layer.momentum = 1.0
        yield
    finally:
        for layer, momentum in zip(layers, momenta):
            layer.momentum = momentum
