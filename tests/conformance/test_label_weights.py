"""What labels count, in every method: one place multiplies, and none forgets it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import algorithms
from mixdmt_tf.settings import settings_of
from tests.algorithms.classification import batches
from tests.conformance import steps

ROWS = 4


def labels_alone(name, **settings):
    """A method whose other terms count nothing, without training signal annealing."""
    config = algorithms.method("classification", name).config_class
    zero = {
        each.name: 0.0
        for each in settings_of(config)
        if each.name.startswith("lambda_") and isinstance(each.default, float)
    }
    return batches.build(name, labels=300, **{**zero, **settings})


def batch_for(method, weights=None, other_label=False):
    """Rows that are not mixed; `other_label` changes that of the first one."""
    batch = batches.make(method.recipe(method.config), ROWS)
    if "lam" in batch:
        batch["lam"] = tf.ones_like(batch["lam"])
    if weights is not None:
        batch["x_weight"] = tf.constant(weights, tf.float32)
    if other_label:
        labels = batch["y"].numpy()
        labels[0] = (labels[0] + 1) % batches.CLASSES
        batch["y"] = tf.constant(labels)
    return batch


def step(method, start, batch):
    """The raw weights after one step from `start`."""
    for network, values in zip((method.network, method.peer), start):
        network.set_weights(values)
    gradients = []
    method.optimizer.apply_gradients = lambda pairs, **_: gradients.extend(
        gradient.numpy() for gradient, _ in pairs
    )
    method.train_step(batch)
    return gradients


@pytest.mark.parametrize("name", steps.of_their_own())
def test_a_label_of_weight_0_counts_nothing_and_one_of_weight_1_as_always(name):
    method = labels_alone(name)
    start = [
        each.get_weights() for each in (method.network, method.peer) if each is not None
    ]
    own = [each.numpy() for each in method.own_variables]

    def gradients(*args):
        for variable, value in zip(method.own_variables, own):
            variable.assign(value)
        return step(method, start, batch_for(method, *args))

    plain, ones = gradients(), gradients([1] * ROWS)
    without = gradients([0] + [1] * (ROWS - 1))
    changed = gradients([0] + [1] * (ROWS - 1), True)
    for one, other in zip(plain, ones):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(without, changed):
        np.testing.assert_array_equal(one, other)
    assert any((one != other).any() for one, other in zip(plain, without))
