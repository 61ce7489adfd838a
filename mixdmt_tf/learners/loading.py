"""Loads saved models in a process that has not imported their classes yet."""

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
    """Loads a saved model: `keras.models.load_model` with this package's classes.

    Keras 3 does not import classes of other packages by itself. A process that has
    created a model can call `keras.models.load_model` directly.

    Args:
        filepath: path of a .keras file.
        **kwargs: arguments of Keras, such as `custom_objects` for your own layers.

    Returns:
        The model, with its training state as saved.
    """
    for name in modules(LAYERS, "call"):
        importlib.import_module(f"{LAYERS}.{name}")
    return keras.models.load_model(filepath, **kwargs)
