"""Checkpoints and digests of a method with two networks hold both."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mixdmt_tf.runs import checkpoints
from mixdmt_tf.runs.checkpoints import Checkpoints
from tests.algorithms.classification import batches

NAMES = ("deep_co_training", "dual_student")


def trained(name, seed=1, steps=0, start=0):
    """An algorithm with batch normalization after some steps."""
    keras.utils.set_random_seed(seed)
    method = batches.build(name, network="wide_resnet")
    checkpoints.state(method)
    go_on(method, range(start, start + steps))
    return method


def go_on(method, steps):
    recipe = method.recipe(method.config)
    for step in steps:
        method.train_step(batches.make(recipe, 4, step=step, seed=step))


def test_the_peer_is_restored_and_goes_on_as_it_would_have(tmp_path):
    name = "dual_student"
    method, fresh = trained(name, steps=2), trained(name, seed=2)
    Checkpoints(tmp_path, checkpoints.state(method)).save(2)
    assert Checkpoints(tmp_path, checkpoints.state(fresh)).restore() == 2
    for ours, theirs in zip(fresh.peer.get_weights(), method.peer.get_weights()):
        np.testing.assert_array_equal(ours, theirs)
    assert checkpoints.digest(fresh) == checkpoints.digest(method)
    go_on(method, [2])
    go_on(fresh, [2])
    assert checkpoints.digest(fresh) == checkpoints.digest(method)


@pytest.mark.parametrize("name", NAMES)
def test_the_digest_tells_every_variable_of_the_peer_apart(name):
    method = trained(name)
    before = checkpoints.digest(method)
    assert checkpoints.digest(trained(name)) == before
    assert any("moving" in weight.name for weight in method.peer.weights)
    for variable in method.peer.weights:
        value = np.array(variable)
        variable.assign(value + np.ones_like(value))
        assert checkpoints.digest(method) != before, variable.name
        variable.assign(value)
    assert checkpoints.digest(method) == before


def test_the_optimizer_has_a_velocity_for_each_weight_of_both():
    """Made before the first step, or a checkpoint could not fill them."""
    method = trained("dual_student")
    assert len(method.optimizer.momentums) == len(method.trained_weights)
    shapes = [tuple(each.shape) for each in method.optimizer.momentums]
    assert shapes == [tuple(each.shape) for each in method.trained_weights]
