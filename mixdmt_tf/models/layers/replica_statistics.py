"""Batch normalization on several devices: synchronized and averaged statistics."""

from __future__ import annotations

import contextlib
import functools
import threading
from typing import Any, Callable, Iterable, Iterator, Sequence, Tuple, Type

import keras
import tensorflow as tf


def synchronize(network: keras.Model) -> None:
    """Makes batch normalization use the rows of all devices in training.

    Call it before the network is used. Mean and variance are then those of the global
    batch, independently of the number of devices that share it.

    Args:
        network: the network whose `keras.layers.BatchNormalization` layers are
            changed, nested models included.
    """
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True
            layer.fused = False  # Keras 2: the fused kernel sees only one device
            layer.__dict__["_usual"] = layer.__dict__.pop("momentum")
            layer.__class__ = _of_all(type(layer))


def moments_of_all(x: tf.Tensor, axes: Sequence[int]) -> Tuple[tf.Tensor, tf.Tensor]:
    """Computes mean and variance over the rows of all replicas, on a replica.

    Keras subtracts the square of the mean from the mean of the squares. If the mean is
    larger than the deviation, that leaves few correct digits, and the result depends on
    the order of the sums, hence on the number of replicas. Here the mean is exchanged
    first, and the squares are of the differences from it.

    Args:
        x: float [..., C], or with the channels on another axis.
        axes: all axes but that of the channels.

    Returns:
        Two tensors [C].
    """
    all_reduce = tf.distribute.get_replica_context().all_reduce
    total = tf.distribute.ReduceOp.SUM
    own = tf.reduce_sum(x, axes, keepdims=True)
    rows = tf.cast(tf.size(x) // tf.size(own), x.dtype)
    sums, rows = all_reduce(total, [own, rows])
    mean = sums / rows
    squares = tf.reduce_sum(tf.math.squared_difference(x, mean), axes)
    return tf.reshape(mean, [-1]), all_reduce(total, squares) / rows


@functools.lru_cache(maxsize=None)
def _of_all(kind: Type[keras.layers.Layer]) -> Type[keras.layers.Layer]:
    """Derives a layer class with moments of all rows and a thread-local momentum.

    `tf.distribute` traces a step once for each replica, in threads that take turns
    where replicas exchange something: here in the middle of a forward pass. While one
    replica has frozen its statistics, another one may not have.
    """

    class OfAll(kind):  # type: ignore[misc, valid-type]
        @property
        def momentum(self) -> float:
            found: float = getattr(self._local(), "momentum", self.__dict__["_usual"])
            return found

        @momentum.setter
        def momentum(self, value: float) -> None:
            self._local().momentum = value

        def _local(self) -> threading.local:
            found: threading.local = self.__dict__.setdefault(
                "_of_this_thread", threading.local()
            )
            return found

        def _moments(self, inputs: Any, *rest: Any, **more: Any) -> Any:
            masked = any(map(tf.is_tensor, (*rest, *more.values())))
            # There are no rows while a copy of a network is built.
            built = tf.distribute.get_replica_context() is None
            channels = tf.nest.flatten(self.axis)  # of Keras 2 it is a list
            if masked or built or len(channels) > 1:
                return super()._moments(inputs, *rest, **more)
            axes = [*range(len(inputs.shape))]
            del axes[channels[0]]
            return moments_of_all(inputs, axes)

    OfAll.__name__ = kind.__name__
    return OfAll


@contextlib.contextmanager
def statistics_of_replicas() -> Iterator[None]:
    """Makes running statistics of networks built in the context readable locally.

    Each replica has running statistics of its own. Keras 2 lets `tf.distribute` average
    them whenever they are read, so that all machines have to read them together. In
    this context they are averaged by `average_of_replicas`, and reading them needs no
    communication.
    """

    def made(next_creator: Callable[..., Any], **settings: Any) -> Any:
        local = settings.get("synchronization") == tf.VariableSynchronization.ON_READ
        if local and settings.get("aggregation") == tf.VariableAggregation.MEAN:
            settings["aggregation"] = tf.VariableAggregation.ONLY_FIRST_REPLICA
        return next_creator(**settings)

    with tf.variable_creator_scope(made):
        yield


def average_of_replicas(variables: Iterable[tf.Variable]) -> None:
    """Averages running statistics over all replicas; call it on each replica.

    Running statistics are linear in the batches, so it does not matter when they are
    averaged.

    Args:
        variables: variables; those created within `statistics_of_replicas` are
            averaged.
    """
    found = [
        each
        for each in variables
        if each.synchronization == tf.VariableSynchronization.ON_READ
        and each.aggregation == tf.VariableAggregation.ONLY_FIRST_REPLICA
    ]
    if not found:
        return
    values = tf.concat([tf.reshape(each, [-1]) for each in found], 0)
    context = tf.distribute.get_replica_context()
    values = context.all_reduce(tf.distribute.ReduceOp.MEAN, values)
    parts = tf.split(values, [each.shape.num_elements() for each in found])
    for each, part in zip(found, parts):
        each.assign(tf.reshape(part, each.shape))
