"""A segmenter in two halves: an encoder of images, and what tells classes apart.

The decoder is the last layers with weights, such as the convolution to the classes, and
the layers without weights behind them, such as the enlargement to the size of the
image. The encoder is all that comes before: whatever a network calls its own decoder
(`models/decoders.py`) and has weights between features and classes belongs to it. This
is how Ouali, Hudelot and Tami 2020 (arXiv:2003.09005) cut a PSPNet in two, whose
pyramid is part of the encoder.

Nothing here asks which network it is. Where the last layer is a network itself, as
behind a change of the images' range, that one is cut in two.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional

import keras


def head(network: keras.Model) -> List[keras.layers.Layer]:
    """The last layers with weights: behind them come only layers without any.

    Args:
        network: images [B, H, W, channels] to logits [B, H, W, C].

    Returns:
        One layer, or several where their outputs are added, as in DeepLab-v2; in the
        network's order.
    """
    inner = _inner(network)
    if inner is not None:
        return head(inner)
    makers, found, open_ = _makers(network), set(), [network.outputs[0]]
    while open_:
        layer = makers[id(open_.pop())]
        if layer.weights:
            found.add(layer.name)
        elif not isinstance(layer, keras.layers.InputLayer):
            open_ += inputs(layer)
    return [layer for layer in network.layers if layer.name in found]


def encoder(network: keras.Model) -> keras.Model:
    """The network up to its head, sharing all weights.

    Args:
        network: see `head`.

    Returns:
        Images [B, H, W, channels] to features [B, h, w, D].
    """

    def part(network: keras.Model) -> keras.Model:
        return keras.Model(network.inputs, _features(network), name="encoder")

    return _within(network, part)


def decoder(network: keras.Model) -> keras.Model:
    """The head and what comes behind it, sharing all weights.

    `keras.models.clone_model` of it is another decoder, of random weights, whose layers
    have the same names, so that settings for the head's learning rate are for it, too.

    Args:
        network: see `head`.

    Returns:
        A model of two inputs, features [B, h, w, D] and the images [B, H, W, channels]
        that they are of, to logits [B, H, W, C]. Of the images it wants the size.
    """
    inner = _inner(network)
    if inner is not None:
        return decoder(inner)
    seen = _features(network)
    features = keras.Input(seen.shape[1:], name="features", dtype=seen.dtype)
    images = keras.Input(network.inputs[0].shape[1:], name="image")
    makers = _makers(network)
    made: Dict[int, Any] = {id(network.inputs[0]): images, id(seen): features}

    def applied(tensor: Any) -> Any:
        if id(tensor) not in made:
            layer = makers[id(tensor)]
            given = [applied(each) for each in inputs(layer)]
            made[id(tensor)] = layer(
                given if isinstance(layer.input, list) else given[0]
            )
        return made[id(tensor)]

    logits = applied(network.outputs[0])
    return keras.Model([features, images], logits, name="decoder")


def with_features(network: keras.Model) -> keras.Model:
    """The same network with two outputs, sharing all layers and weights.

    Args:
        network: see `head`.

    Returns:
        Images to features [B, h, w, D] and logits [B, H, W, C].
    """

    def part(network: keras.Model) -> keras.Model:
        return keras.Model(network.inputs, [_features(network), network.outputs[0]])

    return _within(network, part)


def inputs(layer: keras.layers.Layer) -> List[Any]:
    """What a layer was applied to when the network was built, as a list."""
    return (
        list(layer.input) if isinstance(layer.input, (list, tuple)) else [layer.input]
    )


def _inner(network: keras.Model) -> Optional[keras.Model]:
    """The last layer if it is a network of the same images itself, else None."""
    last = network.layers[-1]
    if not isinstance(last, keras.Model) or not getattr(last, "inputs", None):
        return None
    same = last.inputs[0].shape == network.inputs[0].shape
    return last if same else None


def _within(
    network: keras.Model, part: Callable[[keras.Model], keras.Model]
) -> keras.Model:
    """What a function makes of the network that makes the logits, of all images."""
    inner = _inner(network)
    if inner is None:
        return part(network)
    images = network.layers[-2].output if network.layers[1:] else network.inputs[0]
    return keras.Model(network.inputs, _within(inner, part)(images))


def _features(network: keras.Model) -> Any:
    """What all layers of the head are applied to."""
    given = [tensor for layer in head(network) for tensor in inputs(layer)]
    if not given or any(each is not given[0] for each in given):
        raise ValueError(f"{network.name} has no features that all its classes are of")
    return given[0]


def _makers(network: keras.Model) -> Dict[int, keras.layers.Layer]:
    """The layer whose output a tensor is, by the tensor's id."""
    return {id(layer.output): layer for layer in network.layers}
