"""Networks for several labels an image: L questions of yes or no, not C classes."""

from __future__ import annotations

import keras


def paired(network: keras.Model) -> keras.Model:
    """The same network with a zero beside each logit: L classifications in two classes.

    A softmax over the pair (0, z) is the sigmoid of z, so that whatever takes logits
    [..., C] serves labels that do not exclude each other. Stock layers only, without
    weights: the network's are all there are.

    Args:
        network: images to float32 logits [B, L].

    Returns:
        Images to float32 logits [B, L, 2], of no and of yes.
    """
    logits = network.output
    labels = int(logits.shape[-1])
    x = keras.layers.Reshape((1, labels), dtype="float32", name="pairs")(logits)
    x = keras.layers.ZeroPadding1D((1, 0), dtype="float32", name="pairs_zeros")(x)
    x = keras.layers.Permute((2, 1), dtype="float32", name="pairs_last")(x)
    return keras.Model(network.inputs, x, name=f"{network.name}_pairs")


def probabilities(pairs: keras.KerasTensor) -> keras.KerasTensor:
    """Stock layers from logits [B, L, 2] to the probability of each label, [B, L]."""
    labels = int(pairs.shape[1])
    x = keras.layers.Softmax(dtype="float32")(pairs)
    x = keras.layers.Permute((2, 1), dtype="float32")(x)
    x = keras.layers.Cropping1D((1, 0), dtype="float32")(x)
    return keras.layers.Reshape((labels,), dtype="float32", name="probabilities")(x)
