"""Names the layers of a network that draw random numbers of their own."""

from __future__ import annotations

import keras

from mixdmt_tf.models.features import layers_in

# Attributes in which Keras 2 and Keras 3 keep a layer's generator.
_GENERATORS = ("_random_generator", "seed_generator", "generator")


def note(network: keras.Model) -> str:
    """Says for the user that a resumed run goes on with other numbers; '' if not so.

    Dropout and other random layers of Keras draw from generators, whose state is not in
    checkpoints. `mixdmt_tf.models.layers.dropout` needs none.

    Args:
        network: of the run.
    """
    names = [
        layer.name
        for layer in layers_in(network)
        if any(getattr(layer, each, None) is not None for each in _GENERATORS)
    ]
    if not names:
        return ""
    return (
        f"{len(names)} layers, such as {names[0]}, draw random numbers of their own: "
        "after a stop the run goes on with other ones"
    )
