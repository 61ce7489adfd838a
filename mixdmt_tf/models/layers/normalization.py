"""Running statistics of batch normalization: what they are, and who may touch them."""

from __future__ import annotations

import contextlib
from typing import Any, Iterator, List, Optional, Type

import keras
import tensorflow as tf

from mixdmt_tf import compat


@keras.saving.register_keras_serializable("mixdmt_tf")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras 3's, with the unbiased variance in the running statistics.

    Both normalize with the biased variance of a batch. What becomes the running
    variance was n / (n - 1) of that in TensorFlow 1, PyTorch and Keras 2, so in all
    released code of the papers, and is the biased one itself in Keras 3. Little of that
    is seen with n = 1000 rows and positions; a layer that sees one position of each of
    four images is a third off. Where statistics are `synchronized` both are biased.
    """

    def call(
        self, inputs: Any, training: Optional[bool] = None, mask: Any = None
    ) -> tf.Tensor:
        """Normalizes, and moves the running statistics if it is training."""
        before = tf.convert_to_tensor(self.moving_variance)
        outputs = super().call(inputs, training=training, mask=mask)
        if training and self.trainable and not self.synchronized:
            after = tf.convert_to_tensor(self.moving_variance)
            n = tf.size(inputs) // tf.shape(inputs)[self.axis]
            more = tf.cast(tf.maximum(n - 1, 1), after.dtype)
            # Of one value the variance is 0, and stays so.
            self.moving_variance.assign(after + (after - self.momentum * before) / more)
        return outputs


def batch_normalization(portable: bool = False) -> Type[keras.layers.Layer]:
    """The layer that networks normalize with.

    Args:
        portable: whether it has to be a stock layer of Keras, for networks that are
            saved and not trained any more.
    """
    stock = portable or not compat.KERAS_3
    return keras.layers.BatchNormalization if stock else BatchNormalization


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
    """Gives all replicas the mean of their running statistics, as Keras 2 does itself.

    Keras 3 leaves each replica its own, and scores and saves those of the first one.
    Called on each replica at the end of a step.

    Args:
        network: with `keras.layers.BatchNormalization` layers of whatever origin.
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

    # As one tensor: it is one exchange, and its device is known. That of a variable
    # which was read is not, and several machines refuse to exchange it.
    held = tf.concat([tf.reshape(each, [-1]) for each in statistics], 0)
    means = replica.all_reduce(tf.distribute.ReduceOp.MEAN, held)
    parts = tf.split(means, [each.shape.num_elements() for each in statistics])
    shaped = [tf.reshape(p, each.shape) for p, each in zip(parts, statistics)]
    replica.merge_call(assign, args=(shaped,))


def _normalizing(network: keras.Model) -> List[keras.layers.Layer]:
    kind = keras.layers.BatchNormalization
    return [layer for layer in network._flatten_layers() if isinstance(layer, kind)]
