"""Batch normalization: the running variance, and control of updates to statistics."""

from __future__ import annotations

import contextlib
from typing import Any, Iterator, List, Optional, Type

import keras
import tensorflow as tf

from mixdmt_tf import compat


@keras.saving.register_keras_serializable("mixdmt_tf")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras 3's layer, but with the unbiased variance in the running statistics.

    Both normalize with the biased variance of a batch. The running variance is updated
    with n / (n - 1) times that in TensorFlow 1, PyTorch and Keras 2, and so in all
    released code of the papers, but with the biased variance itself in Keras 3. The
    difference is small for n = 1000 rows and positions, but a third for a layer that
    sees one position of each of four images. If statistics are `synchronized`, both
    are biased.
    """

    def call(
        self, inputs: Any, training: Optional[bool] = None, mask: Any = None
    ) -> tf.Tensor:
        """Normalizes, and updates the running statistics in training mode."""
        before = tf.convert_to_tensor(self.moving_variance)
        outputs = super().call(inputs, training=training, mask=mask)
        if training and self.trainable and not self.synchronized:
            after = tf.convert_to_tensor(self.moving_variance)
            n = tf.size(inputs) // tf.shape(inputs)[self.axis]
            more = tf.cast(tf.maximum(n - 1, 1), after.dtype)
            # The variance of a single value is 0 and is not corrected.
            self.moving_variance.assign(after + (after - self.momentum * before) / more)
        return outputs


def batch_normalization(portable: bool = False) -> Type[keras.layers.Layer]:
    """Returns the class of the batch normalization layer of networks.

    Args:
        portable: whether it has to be a stock layer of Keras, for networks that are
            saved and not trained any more.
    """
    stock = portable or not compat.KERAS_3
    return keras.layers.BatchNormalization if stock else BatchNormalization


@contextlib.contextmanager
def frozen_statistics(network: keras.Model) -> Iterator[None]:
    """Keeps training-mode passes from updating the running mean and variance.

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
    layers = _normalizing(network)
    momenta = [layer.momentum for layer in layers]
    try:
        for layer in layers:
            layer.momentum = 1.0
        yield
    finally:
        for layer, momentum in zip(layers, momenta):
            layer.momentum = momentum


def average_statistics(network: keras.Model) -> None:
    """Averages running statistics over all replicas, as Keras 2 does itself.

    In Keras 3 each replica keeps its own, and those of the first one are evaluated and
    saved. Call this on each replica at the end of a step.

    Args:
        network: with any `keras.layers.BatchNormalization` layers.
    """
    replica = tf.distribute.get_replica_context()
    if not compat.KERAS_3 or replica.num_replicas_in_sync == 1:
        return
    statistics = [
        compat.tf_variable(weight)
        for layer in _normalizing(network)
        if layer.trainable
        for weight in layer.non_trainable_weights
    ]
    if not statistics:
        return

    def assign(strategy: tf.distribute.Strategy, means: List[Any]) -> None:
        for variable, mean in zip(statistics, means):
            strategy.extended.update(variable, lambda v, m: v.assign(m), args=(mean,))

    # One tensor for all statistics needs one exchange and has a known device. The value
    # of a variable has none, and cannot be exchanged between several machines.
    held = tf.concat([tf.reshape(each, [-1]) for each in statistics], 0)
    means = replica.all_reduce(tf.distribute.ReduceOp.MEAN, held)
    parts = tf.split(means, [each.shape.num_elements() for each in statistics])
    shaped = [tf.reshape(p, each.shape) for p, each in zip(parts, statistics)]
    replica.merge_call(assign, args=(shaped,))


def _normalizing(network: keras.Model) -> List[keras.layers.Layer]:
    kind = keras.layers.BatchNormalization
    return [layer for layer in network._flatten_layers() if isinstance(layer, kind)]


def unfuse_inference(model: keras.Model, every: bool = False) -> None:
    """Makes gradients of batch normalization in inference mode deterministic on GPUs.

    TensorFlow has no deterministic gradient of its fused operation in inference mode,
    which Keras 2 uses, and raises an error instead. Layers that do not learn are in
    inference mode also in training.

    Args:
        model: changed in place.
        every: all layers, and not only those that do not learn.
    """
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            if not compat.KERAS_3 and (every or not layer.trainable):
                layer.fused = False
