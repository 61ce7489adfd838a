"""Networks for several labels per image: L binary outputs instead of C classes."""

from __future__ import annotations

import keras


def paired(network: keras.Model) -> keras.Model:
    """Adds a zero beside each logit, for L classifications into two classes.

    A softmax over the pair (0, z) has the sigmoid of z, so all code for logits [..., C]
    also works for labels that do not exclude each other. The added layers are stock
    layers without weights.

    Args:
        network: model from images to float32 logits [B, L].

    Returns:
        A model from images to float32 logits [B, L, 2], for no and yes.
    """
    logits = network.output
    labels = int(logits.shape[-1])
    x = keras.layers.Reshape((1, labels), dtype="float32", name="pairs")(logits)
    x = keras.layers.ZeroPadding1D((1, 0), dtype="float32", name="pairs_zeros")(x)
    x = keras.layers.Permute((2, 1), dtype="float32", name="pairs_last")(x)
    return keras.Model(network.inputs, x, name=f"{network.name}_pairs")


def probabilities(pairs: keras.KerasTensor) -> keras.KerasTensor:
    """Adds stock layers from logits [B, L, 2] to label probabilities [B, L]."""
    labels = int(pairs.shape[1])
    x = keras.layers.Softmax(dtype="float32")(pairs)
    x = keras.layers.Permute((2, 1), dtype="float32")(x)
    x = keras.layers.Cropping1D((1, 0), dtype="float32")(x)
    return keras.layers.Reshape((labels,), dtype="float32", name="probabilities")(x)
