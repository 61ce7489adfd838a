"""Models from files, in a process that has used none of their classes yet."""

from __future__ import annotations

import importlib
from typing import Any

import keras

from mixdmt_tf.learners import learner, rounds
from mixdmt_tf.models import keras_application
from mixdmt_tf.settings import modules

LAYERS = "mixdmt_tf.models.layers"
CLASSES = (  # registered by being imported
    learner.Learner,
    rounds.RoundsLearner,
    keras_application.Preprocessing,
)


def load_model(filepath: Any, **kwargs: Any) -> keras.Model:
    """`keras.models.load_model`, which knows the classes of this package.

    Keras 3 imports no class of other packages by itself. A process that has made a
    model needs no help.

    Args:
        filepath: of a .keras file.
        **kwargs: Keras's, such as `custom_objects` for layers of your own.

    Returns:
        The model, trained as it was saved.
    """
    for name in modules(LAYERS, "call"):
        importlib.import_module(f"{LAYERS}.{name}")
    return keras.models.load_model(filepath, **kwargs)
