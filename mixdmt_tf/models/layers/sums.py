"""Sums of convolutions whose gradients TensorFlow does not merge into one."""

from __future__ import annotations

import collections
import functools
import operator
from typing import Any, Callable, Dict, List, Sequence, Tuple

import keras
import tensorflow as tf


@tf.custom_gradient
def _copied(x: tf.Tensor) -> Tuple[tf.Tensor, Any]:
    """Returns a copy that TensorFlow does not replace by `x` itself."""
    return tf.raw_ops.Snapshot(input=x), lambda dy: dy


@tf.custom_gradient
def added(*terms: tf.Tensor) -> Tuple[tf.Tensor, Callable[[tf.Tensor], Any]]:
    """Adds tensors such that each gets its own copy of the gradient.

    On a CPU the gradient of a convolution's bias is computed along with that of a
    kernel. If two convolutions have the same upstream gradient, TensorFlow computes it
    once for both biases, with the kernel of either; which one varies from process to
    process. The kernels' shapes determine the order in which oneDNN adds up, and in
    bfloat16 that changes the result (`docs/reliability.md`).

    Args:
        *terms: floating tensors of one shape and dtype.

    Returns:
        A tensor of their shape and dtype.
    """

    def gradients(dy: tf.Tensor) -> List[tf.Tensor]:
        found = [dy]
        for _ in terms[
            1:
        ]:  # a copy of the copy: two copies of one tensor would be merged
            found.append(_copied(found[-1]))
        return found

    return functools.reduce(operator.add, terms), gradients


@keras.saving.register_keras_serializable("mixdmt_tf")
class Add(keras.layers.Add):
    """`added` as a layer, in place of Keras's `Add` for convolutions with biases."""

    def call(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Adds tensors of one shape and dtype."""
        return added(*inputs)


Place = Tuple[Any, int, int]  # of a tensor: layer, which call of it, which output


def shared(model: keras.Model) -> List[str]:
    """Returns the names of sums of convolutions with biases that share a gradient.

    Walks over the graph of layers from the outputs; weights need no values. Sums inside
    custom layers are not found.

    Args:
        model: a functional or sequential network, possibly with nested models.

    Returns:
        Names of Keras's own `Add`, and of `x + y`, with two or more such terms.
    """
    nodes = _nodes(model)
    uses = collections.Counter(place for inputs in nodes.values() for place in inputs)

    def convolutions(place: Place) -> int:
        """Returns how many convolutions get the gradient of this tensor as theirs."""
        place = _inner(place)
        layer, call, _ = place
        if isinstance(layer, keras.layers.Conv2D):
            linear = layer.activation in (None, keras.activations.linear)
            return int(layer.use_bias and linear)
        if _adds(layer) and uses[place] == 1:
            return sum(map(convolutions, nodes[layer, call]))
        return 0

    return [
        layer.name
        for (layer, _), inputs in nodes.items()
        if _adds(layer) and sum(map(convolutions, inputs)) > 1
    ]


def _adds(layer: Any) -> bool:
    """Returns whether a layer is a sum: Keras's `Add`, or from symbolic `x + y`."""
    symbol = getattr(layer, "symbol", type(layer).__name__)
    symbols = ("Add", "__operators__.add", "math.add")
    plain = isinstance(layer, keras.layers.Add) or symbol in symbols
    return plain and not isinstance(layer, Add)


def _nodes(model: keras.Model) -> Dict[Tuple[Any, int], List[Place]]:
    """Returns every call of a layer, with the places of its inputs."""
    nodes: Dict[Tuple[Any, int], List[Place]] = {}
    waiting = [_place(each) for each in model.outputs]
    while waiting:
        layer, call, _ = waiting.pop()
        if (layer, call) in nodes:
            continue
        node = layer._inbound_nodes[call]
        # Keras 2 stores the inputs of `x + y` under another name than Keras 3.
        given = getattr(node, "keras_inputs", None) or node.input_tensors
        nodes[layer, call] = [_place(each) for each in tf.nest.flatten(given)]
        waiting += nodes[layer, call] + [_place(each) for each in _outputs(layer)]
    return nodes


def _place(tensor: Any) -> Place:
    layer, call, output = tensor._keras_history
    return layer, call, output


def _outputs(layer: Any) -> Sequence[Any]:
    """Returns the outputs of a nested model, in terms of its own layers."""
    return layer.outputs or () if isinstance(layer, keras.Model) else ()


def _inner(place: Place) -> Place:
    """Returns the place of a nested model's output within the nested model."""
    while _outputs(place[0]):
        place = _place(_outputs(place[0])[place[2]])
    return place
