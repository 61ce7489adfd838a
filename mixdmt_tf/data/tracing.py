"""Settings of `tf.data` for the data path: no AutoGraph, no autotuning."""

from __future__ import annotations

from typing import Any, Callable

import tensorflow as tf


def as_it_is(function: Callable[..., Any]) -> Callable[..., Any]:
    """Disables AutoGraph, which `tf.data` applies to mapped functions.

    AutoGraph converts Python's `if` and `for` on tensors to TensorFlow operations. The
    data path has none. Converting all functions of a batch, such as draws and
    augmentations, takes five times as long as tracing them: several seconds before the
    first step.
    """
    found: Callable[..., Any] = tf.autograph.experimental.do_not_convert(function)
    return found


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Disables `tf.data`'s autotuning of numbers of threads and buffers.

    All these numbers are set explicitly. The autotuning thread sleeps for up to a
    minute at a time, and an iterator waits for it at its end, because TensorFlow wakes
    the thread just before it can see that it has to stop. On a busy machine this would
    be a pause as long as the training itself, up to a minute.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
