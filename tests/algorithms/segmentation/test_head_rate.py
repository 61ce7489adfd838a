"""The head of a network for images learns faster, if the task says so."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from mixdmt_tf.algorithms.base import RunFacts
from mixdmt_tf.algorithms.segmentation import supervised
from tests.algorithms.segmentation import batches, stepping

HEAD = ("classes", "aspp_")


def first_step(kind, first, **task):
    """A network, and what its first step takes from each weight of each layer."""
    network = batches.network(kind)
    network.set_weights(first)
    config = supervised.Config(learning_rate=0.1, weight_decay=0.01)
    method = supervised.Supervised(
        network, config, RunFacts(batches.CLASSES, 2, 100, **task)
    )
    method.compile()
    _, taken = stepping.step_of(method, batches.batch_for(method))
    layers = [layer.name for layer in network.layers for _ in layer.trainable_weights]
    return network, list(zip(layers, taken))


def test_weights_of_the_head_move_head_rate_times_as_far():
    first = batches.network("segmenter").get_weights()
    network, even = first_step("segmenter", first)
    other, uneven = first_step("segmenter", first, head=HEAD, head_rate=10.0)
    assert [name for name, _ in even].count("classes") == 2 and len(even) > 10
    for (name, step), (_, other_step) in zip(even, uneven):
        assert np.abs(step).max() > 1e-4, name
        factor = 10 if name == "classes" else 1
        np.testing.assert_allclose(
            other_step, factor * step, rtol=1e-3, atol=1e-6, err_msg=name
        )
    # One forward pass: running statistics have nothing to do with it.
    for one, two in zip(network.non_trainable_weights, other.non_trainable_weights):
        np.testing.assert_array_equal(tf.convert_to_tensor(one), two)


def test_names_without_a_rate_change_nothing():
    first = batches.network("rows").get_weights()
    _, even = first_step("rows", first)
    _, named = first_step("rows", first, head=HEAD)
    for (_, one), (_, other) in zip(even, named):
        np.testing.assert_array_equal(one, other)
