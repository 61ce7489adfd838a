"""Frees the TensorFlow graphs of a stage of a run in rounds."""

from __future__ import annotations

import contextlib
import gc
from typing import Iterator

import keras
from tensorflow.python.framework import ops

_FUNCTIONS = "_py_funcs_used_in_graph"


@contextlib.contextmanager
def released() -> Iterator[None]:
    """Frees all graphs that were created within the context when it ends.

    TensorFlow registers each use of a `tf.custom_gradient` in a graph under a unique
    name and never removes it. The registered function keeps the graph alive, which
    takes megabytes for each compiled training step. After the context, functions that
    were traced in it cannot be differentiated anew; already compiled gradients still
    work. TensorFlow also keeps the functions of a `tf.numpy_function`, here pipelines
    with the images in their memory, as long as the default graph.
    """
    registry = ops.gradient_registry._registry
    before = set(registry)
    graph = ops.get_default_graph()
    functions = len(getattr(graph, _FUNCTIONS, ()))
    try:
        yield
    finally:
        del getattr(graph, _FUNCTIONS, [])[functions:]
        for name in set(registry) - before:
            if name.startswith("CustomGradient-"):
                del registry[name]
        keras.backend.clear_session()
        gc.collect()  # graphs hold copies of all images, too
