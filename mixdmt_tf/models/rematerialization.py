"""Rematerialization: recomputing activations within blocks instead of storing them.

A training step stores the output of every layer until the backward pass has used it.
With rematerialization only the tensors between blocks are stored, and the backward pass
computes each block again before its gradient (Chen et al. 2016, arXiv:1604.06174).
Gradients are the same, memory is that of the blocks' outputs and of one block, and a
step takes about a third longer.

This works for any network: a block ends where branches meet and a single tensor
continues.
"""

from __future__ import annotations

from typing import Any, List, Sequence, Tuple

import keras
import tensorflow as tf

from mixdmt_tf.models.halves import inputs
from mixdmt_tf.models.layers.normalization import frozen_statistics

_MEETINGS = ("Add", "Concatenate")


def rematerialize(network: keras.Model) -> int:
    """Makes a built network recompute its blocks in backward passes.

    Layers, weights, names, inference, and saved files don't change. Blocks with layers
    that draw random numbers are not recomputed, since a second pass would draw other
    numbers.

    Args:
        network: a functional model with one input and one output.

    Returns:
        The number of recomputed blocks; if it is 0, the network is unchanged.
    """
    inner = [each for each in network.layers if isinstance(each, keras.Model)]
    if inner:  # it resizes the images and calls another model
        return sum(map(rematerialize, inner))
    pieces = _pieces(network)
    again = [_is_deterministic(piece) for piece in pieces[:-1]] + [False]
    if not any(again):
        return 0
    plain = network.call

    def call(images: Any, training: Any = None, mask: Any = None) -> Any:
        if not training:
            return plain(images, training=training, mask=mask)
        x = images
        for piece, twice in zip(pieces, again):
            given = [x, images][: len(piece.inputs)]
            x = _again(piece, given) if twice else _apply(piece, given)
        return x

    network.call = call
    return sum(again)


def kept(network: keras.Model) -> Tuple[int, int]:
    """Counts the values that a rematerialized network stores for one image.

    Args:
        network: a functional model; it is not changed.

    Returns:
        The number of values between blocks, and of those within the largest block or in
        parts that are not recomputed; (0, 0) if there are no blocks.
    """
    inner = [each for each in network.layers if isinstance(each, keras.Model)]
    if inner:
        return kept(inner[0])
    between, again, always = 0, [0], 0
    pieces = _pieces(network)
    for piece in pieces:
        between += _size(piece.inputs[0])
        inside = sum(_size(layer.output) for layer in piece.layers)
        if piece is not pieces[-1] and _is_deterministic(piece):
            again.append(inside)
        else:
            always += inside
    return (between, max(again) + always) if any(again) else (0, 0)


def _again(piece: keras.Model, given: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns the output of a block that is recomputed in the backward pass."""
    passes: List[None] = []

    def run(*given: tf.Tensor) -> tf.Tensor:
        passes.append(None)
        if len(passes) == 1:
            return _apply(piece, given)
        with frozen_statistics(piece):  # already updated by the first pass
            return _apply(piece, given)

    return tf.recompute_grad(run)(*given)


def _apply(piece: keras.Model, given: Sequence[tf.Tensor]) -> tf.Tensor:
    return piece(list(given) if len(given) > 1 else given[0], training=True)


def _pieces(network: keras.Model) -> List[keras.Model]:
    """Splits a network into blocks and a rest, as models that share all layers.

    The input of each is the output of the one before and, if needed (for their size,
    for example), the images.
    """
    layers = [e for e in network.layers if not isinstance(e, keras.layers.InputLayer)]
    images = network.inputs[0]
    wanted = {id(each): n for n, layer in enumerate(layers) for each in inputs(layer)}
    start, first, pieces, last = images, 0, [], 0
    for place, layer in enumerate(layers):
        # Whether later layers need other tensors than this output and the images.
        meets = type(layer).__name__ in _MEETINGS and last <= place
        if meets or place == len(layers) - 1:
            inside = layers[first : place + 1]
            asks = any(each is images for e in inside for each in inputs(e))
            given = [start, images] if asks and pieces else start
            pieces.append(keras.Model(given, layer.output, name=f"piece_{len(pieces)}"))
            start, first = layer.output, place + 1
        last = max(last, wanted.get(id(layer.output), place))
    return pieces


def _is_deterministic(piece: keras.Model) -> bool:
    names = [type(layer).__name__ for layer in piece.layers]
    return not any("Dropout" in name or "Noise" in name for name in names)


def _size(tensor: Any) -> int:
    size = 1
    for side in tensor.shape[1:]:
        size *= int(side or 1)
    return size
