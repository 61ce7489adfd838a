"""What a classifier tells classes from: the input of its last layer."""

from __future__ import annotations

import keras


def head(network: keras.Model) -> keras.layers.Dense:
    """The dense layer that makes the logits, `kernel` [D, C] and `bias` [C].

    Args:
        network: built by a network of this package, or enlarging images for one.
    """
    return next(e for e in network._flatten_layers() if e.name == "logits")


def extractor(network: keras.Model) -> keras.Model:
    """The network without its last layer, sharing its weights.

    Args:
        network: images [B, H, W, channels] to logits [B, C], with a last layer called
            'logits'; a network within the network may have it.

    Returns:
        Images to features, float32 [B, D].
    """
    last = network.layers[-1]
    if isinstance(last, keras.Model):  # it enlarges the images and asks another
        x = network.layers[-2].output
        return keras.Model(network.inputs, extractor(last)(x))
    return keras.Model(network.inputs, network.get_layer("logits").input)
