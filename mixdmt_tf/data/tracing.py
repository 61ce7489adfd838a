"""How the data path is handed to `tf.data`."""

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


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The data set without `tf.data`'s search for numbers of threads and buffers.

    Ours are all given. The thread that searches sleeps for up to a minute at a time,
    and an iterator that ends waits for it, since TensorFlow wakes it a moment before it
    can see that it is to end. On a busy machine a pause as long as the training itself,
    up to a minute, would follow.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
