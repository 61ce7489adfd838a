"""Graphs of a stage do not outlive it."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import ops

from mixdmt_tf.rounds import graphs


@tf.custom_gradient
def doubled(x):
    return 2 * x, lambda upstream: 2 * upstream


def compiled():
    """A compiled gradient, and a reference to its graph that does not hold it."""

    @tf.function
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = doubled(x)
        return tape.gradient(y, x)

    assert gradient(tf.constant(3.0)) == 2.0
    made = gradient.get_concrete_function(tf.TensorSpec([], tf.float32))
    return gradient, weakref.ref(made.graph)


def names():
    return {e for e in ops.gradient_registry._registry if e.startswith("Custom")}


def test_those_of_a_stage_go_and_others_stay():
    kept, _ = compiled()
    before = names()
    with graphs.released():
        graph = compiled()[1]
        assert names() > before
    assert graph() is None
    assert names() == before
    assert kept(tf.constant(5.0)) == 2.0


def test_those_of_a_stage_that_fails_too():
    before = names()
    with pytest.raises(KeyboardInterrupt):
        with graphs.released():
            compiled()
            raise KeyboardInterrupt
    assert names() == before


def reading():
    """A data set that calls Python, and a reference to what it calls."""

    class Images:
        def read(self, number):
            return np.float32(number)

    def read(number):
        return tf.numpy_function(images.read, [number], tf.float32, stateful=False)

    images = Images()
    data = tf.data.Dataset.range(3).map(read)
    assert next(iter(data)) == 0
    return data, weakref.ref(images)


def test_functions_of_data_sets_of_a_stage_go_and_others_stay():
    """With the images that they keep in memory."""
    kept, other = reading()
    with graphs.released():
        images = reading()[1]
        assert images() is not None
    assert images() is None
    assert other() is not None
    assert [float(each) for each in kept] == [0, 1, 2]
