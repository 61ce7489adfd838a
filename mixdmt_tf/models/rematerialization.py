"""Networks that compute the insides of their blocks twice instead of keeping them.

A training step keeps the output of every layer until the backward pass has used it.
Here only what goes from one block to the next is kept; the backward pass computes a
block again before it takes its gradient (Chen et al. 2016, arXiv:1604.06174). Gradients
are the same, memory is that of the blocks' outputs and of one block, and a step takes
about a third longer.

Nothing here asks which network it is: a block ends where branches meet and a single
tensor goes on.
"""

from __future__ import annotations

from typing import Any, List, Sequence, Tuple

import keras
import tensorflow as tf

from mixdmt_tf.models.halves import inputs
from mixdmt_tf.models.layers.normalization import frozen_statistics

_MEETINGS = ("Add", "Concatenate")


def rematerialize(network: keras.Model) -> int:
    """Makes a built network compute its blocks again in backward passes.

    Layers, weights and their names stay as they are, and so do passes without training
    and what is saved. Blocks with layers that draw random numbers are kept whole: a
    second pass would draw others.

    Args:
        network: a functional model of one input and one output.

    Returns:
        The number of blocks that are computed again; 0 if there are none, and the
        network is as it was.
    """
    inner = [each for each in network.layers if isinstance(each, keras.Model)]
    if inner:  # it enlarges the images and asks another
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
    """How many numbers a network that is rematerialized keeps for one image.

    Args:
        network: a functional model; it stays as it is.

    Returns:
        Numbers that go from block to block, and those within the largest block or in
        what is not computed again; (0, 0) if there are no blocks.
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
    """The output of a piece whose backward pass computes it again."""
    passes: List[None] = []

    def run(*given: tf.Tensor) -> tf.Tensor:
        passes.append(None)
        if len(passes) == 1:
            return _apply(piece, given)
        with frozen_statistics(piece):  # which saw this batch in the first pass
            return _apply(piece, given)

    return tf.recompute_grad(run)(*given)


def _apply(piece: keras.Model, given: Sequence[tf.Tensor]) -> tf.Tensor:
    return piece(list(given) if len(given) > 1 else given[0], training=True)


def _pieces(network: keras.Model) -> List[keras.Model]:
    """The blocks, and what comes after the last one, as models that share all layers.

    Each takes what the one before puts out and, if it wants to know their size, say,
    the images.
    """
    layers = [e for e in network.layers if not isinstance(e, keras.layers.InputLayer)]
    images = network.inputs[0]
    wanted = {id(each): n for n, layer in enumerate(layers) for each in inputs(layer)}
    start, first, pieces, last = images, 0, [], 0
    for place, layer in enumerate(layers):
        # Whether a later layer wants anything but this one's output, or the images.
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
