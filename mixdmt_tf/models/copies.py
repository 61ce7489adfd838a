"""Networks that get their weights from others of the same form."""

from __future__ import annotations

import keras


def copied(network: keras.Model) -> keras.Model:
    """A network of the same form with random weights of its own.

    What no training moves is the same in both: weights of frozen layers, and what
    `adapt` found for `Normalization` layers. `keras.models.clone_model` forgets them.

    Args:
        network: a functional or sequential model.

    Returns:
        A model that shares nothing with it.
    """
    copy = keras.models.clone_model(network)
    for theirs, own in zip(network._flatten_layers(), copy._flatten_layers()):
        adapted = isinstance(theirs, keras.layers.Normalization)
        if theirs.weights and (adapted or not theirs.trainable):
            own.set_weights(theirs.get_weights())
    settle(copy)
    return copy


def hand_down(network: keras.Model, copy: keras.Model) -> None:
    """Gives a copy of a network all weights that are not trained, as they are now.

    Args:
        network: with frozen layers, perhaps, or running statistics.
        copy: of it, made by `copied`.
    """
    trained = {id(weight) for weight in network.trainable_weights}
    for theirs, own in zip(network.weights, copy.weights):
        if id(theirs) not in trained:
            own.assign(theirs.numpy())
    settle(copy)


def settle(network: keras.Model) -> None:
    """Has `Normalization` layers compute with the weights that they have now.

    They compute with numbers that they made of earlier ones; of Keras's functions some
    have them made anew, and Keras 3's `set_weights` does not.

    Args:
        network: some of whose weights were replaced.
    """
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
