"""How functions of the data path are made graphs."""

from __future__ import annotations

from typing import Any, Callable

import tensorflow as tf


def as_it_is(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function without AutoGraph, which `tf.data` applies to what it maps.

    AutoGraph turns Python's `if` and `for` on tensors into TensorFlow's. The data path
    has none, and to rewrite all that a batch is made of, draws and augmentations, takes
    five times as long as tracing it: several seconds before the first step.
    """
    found: Callable[..., Any] = tf.autograph.experimental.do_not_convert(function)
    return found
