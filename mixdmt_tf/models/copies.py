"""Copies of a network: the same layers, other weights."""

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
        if adapted:  # it computes with numbers that it makes of its weights
            own.finalize_state()
    return copy
