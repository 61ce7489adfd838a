"""The features of an image: what a network's last dense layer takes."""

from __future__ import annotations

import keras


def with_features(network: keras.Model) -> keras.Model:
    """The same network with two outputs, sharing all layers and weights.

    Args:
        network: a functional model, images to logits by a dense layer at the end.

    Returns:
        A model of the same images to features [B, F] and logits [B, C].

    Raises:
        ValueError: if there is no dense layer.
    """
    for layer in reversed(network.layers):
        if isinstance(layer, keras.layers.Dense):
            return keras.Model(network.inputs, [layer.input, network.outputs[0]])
    raise ValueError(f"{network.name} has no dense layer whose input is its features")
