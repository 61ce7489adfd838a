"""What a classifier tells classes from: the input of its last dense layer."""

from __future__ import annotations

import keras


def head(network: keras.Model) -> keras.layers.Dense:
    """The dense layer that makes the logits, `kernel` [D, C] and perhaps `bias` [C].

    Args:
        network: images [B, H, W, channels] to logits [B, C] by a dense layer at the
            end; a network within the network may have it.

    Raises:
        ValueError: if there is no dense layer.
    """
    for layer in reversed(list(network._flatten_layers())):
        if isinstance(layer, keras.layers.Dense):
            return layer
    raise ValueError(f"{network.name} has no dense layer whose input is its features")


def extractor(network: keras.Model) -> keras.Model:
    """The network without its last dense layer, sharing all other weights.

    Args:
        network: see `head`.

    Returns:
        Images to features, float32 [B, D].
    """
    last = network.layers[-1]
    if isinstance(last, keras.Model):  # it enlarges the images and asks another
        x = network.layers[-2].output
        return keras.Model(network.inputs, extractor(last)(x))
    return keras.Model(network.inputs, head(network).input)


def with_features(network: keras.Model) -> keras.Model:
    """The same network with two outputs, sharing all layers and weights.

    Args:
        network: see `head`.

    Returns:
        Images to features [B, D] and logits [B, C].
    """
    features = extractor(network)
    x = features.output
    return keras.Model(network.inputs, [x, head(network)(x)])
