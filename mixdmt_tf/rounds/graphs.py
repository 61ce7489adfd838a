"""Frees the TensorFlow graphs of a stage of a run in rounds."""

from __future__ import annotations

import contextlib
import gc
from typing import Iterator

import keras
from tensorflow.python.framework import ops


@contextlib.contextmanager
def released() -> Iterator[None]:
    """Frees all graphs that were created within the context when it ends.

    TensorFlow registers each use of a `tf.custom_gradient` in a graph under a unique
    name and never removes it. The registered function keeps the graph alive, which
    takes megabytes for each compiled training step. After the context, functions that
    were traced in it cannot be differentiated anew; already compiled gradients still
    work.
    """
    registry = ops.gradient_registry._registry
    before = set(registry)
    try:
        yield
    finally:
        for name in set(registry) - before:
            if name.startswith("CustomGradient-"):
                del registry[name]
        keras.backend.clear_session()
        gc.collect()  # graphs hold copies of all images, too
