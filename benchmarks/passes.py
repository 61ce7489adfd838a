"""The bare passes of a step: what any implementation of a method must compute.

A step of a method is run once in eager mode, while each call of one of its networks is
recorded: the number of images, and whether a gradient came back through it. The bare
step calls the same networks as often, on arrays of the same shapes in memory, computes
the gradients, and applies Adam; nothing else.
"""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any, Callable, Iterator, List, Tuple

import keras
import tensorflow as tf


@dataclasses.dataclass
class Pass:
    """One call of a network.

    Attributes:
        network: the network that was called.
        shape: of its input.
        dtype: of its input.
        training: the `training` argument of the call.
        learns: whether a gradient came back through it.
    """

    network: keras.Model
    shape: Tuple[int, ...]
    dtype: Any
    training: bool
    learns: bool = False


@contextlib.contextmanager
def noted(functional: type, passes: List[Pass]) -> Iterator[None]:
    """Records calls of models of this class in `passes` within the context.

    Args:
        functional: the class of Keras's functional models.
        passes: receives the calls of the outermost models, in order.
    """
    original, depth = functional.__call__, [0]

    def call(self: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        inside = depth[0] > 0 or isinstance(inputs, (list, tuple, dict))
        depth[0] += 1
        try:
            outputs = original(self, inputs, *args, **kwargs)
        finally:
            depth[0] -= 1
        if inside:
            return outputs
        training = bool(kwargs.get("training", False))
        passes.append(Pass(self, tuple(inputs.shape), inputs.dtype, training))
        return tf.nest.map_structure(_watched(passes[-1]), outputs)

    functional.__call__ = call  # type: ignore[method-assign]
    try:
        yield
    finally:
        functional.__call__ = original  # type: ignore[method-assign]


def _watched(taken: Pass) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns an identity function that records whether a gradient came back."""

    @tf.custom_gradient
    def identity(x):
        def gradient(dy):
            taken.learns = True
            return dy

        return tf.identity(x), gradient

    return identity


def bare(passes: List[Pass]) -> Callable[[], Any]:
    """Returns a compiled step of these passes and nothing else."""
    variables = {
        id(variable): variable
        for each in passes
        if each.learns
        for variable in each.network.trainable_variables
    }
    learnt = list(variables.values())
    optimizer = keras.optimizers.Adam(1e-4)
    optimizer.build(learnt)
    arrays = [
        tf.cast(tf.random.stateless_uniform(each.shape, [1, i], -1.0, 1.0), each.dtype)
        for i, each in enumerate(passes)
    ]

    def run() -> Any:
        before = [
            each.network(array, training=each.training)
            for each, array in zip(passes, arrays)
            if not each.learns
        ]
        with tf.GradientTape() as tape:
            losses = [
                tf.reduce_mean(tf.square(tf.cast(output, tf.float32)))
                for each, array in zip(passes, arrays)
                if each.learns
                for output in tf.nest.flatten(
                    each.network(array, training=each.training)
                )
            ]
            loss = tf.add_n(losses)
        pairs = zip(tape.gradient(loss, learnt), learnt)
        optimizer.apply_gradients([(g, v) for g, v in pairs if g is not None])
        return tf.nest.map_structure(
            tf.reduce_sum, before
        )  # keeps them from being optimized away

    return tf.function(run, autograph=False)


def forward_and_backward(network: keras.Model, images: tf.Tensor) -> Callable[[], Any]:
    """Returns a compiled training pass through one network, after a first call."""

    def run() -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(network(images, training=True)))
        return tape.gradient(loss, network.trainable_variables)

    compiled = tf.function(run, autograph=False)
    compiled()
    return compiled
