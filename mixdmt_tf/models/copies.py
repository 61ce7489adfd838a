"""Copies of networks, and the transfer of weights that are not trained."""

from __future__ import annotations

import keras

from mixdmt_tf import compat


def copied(network: keras.Model) -> keras.Model:
    """Returns a network of the same architecture with random weights of its own.

    Weights that are never trained are copied: those of frozen layers, and those that
    `adapt` computed for `Normalization` layers. `keras.models.clone_model` loses them.

    Args:
        network: a functional or sequential model.

    Returns:
        A model that shares nothing with it.
    """
    with compat.own_code():
        copy = keras.models.clone_model(network)
    for theirs, own in zip(network._flatten_layers(), copy._flatten_layers()):
        adapted = isinstance(theirs, keras.layers.Normalization)
        if theirs.weights and (adapted or not theirs.trainable):
            own.set_weights(theirs.get_weights())
    settle(copy)
    return copy


def hand_down(network: keras.Model, copy: keras.Model) -> None:
    """Copies the current values of all weights that are not trained.

    Args:
        network: the original, which may have frozen layers or running statistics.
        copy: its copy, made by `copied`.
    """
    trained = {id(weight) for weight in network.trainable_weights}
    for theirs, own in zip(network.weights, copy.weights):
        if id(theirs) not in trained:
            own.assign(theirs.numpy())
    settle(copy)


def settle(network: keras.Model) -> None:
    """Updates `Normalization` layers after their weights were replaced.

    These layers compute with values derived from their weights. Some functions of Keras
    update the derived values, but Keras 3's `set_weights` does not.

    Args:
        network: the network with replaced weights.
    """
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
