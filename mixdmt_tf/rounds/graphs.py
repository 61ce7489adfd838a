"""A stage of a run in rounds leaves no graph in memory."""

from __future__ import annotations

import contextlib
import gc
from typing import Iterator

import keras
from tensorflow.python.framework import ops


@contextlib.contextmanager
def released() -> Iterator[None]:
    """Has the graphs that are made within it go when it ends.

    TensorFlow registers each use of a `tf.custom_gradient` in a graph under a name of
    its own, for ever, and what is registered holds the graph: megabytes for each step
    that is compiled. Nothing that was made within may be differentiated anew later;
    what was compiled has its gradients.
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
