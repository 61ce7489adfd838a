"""The training loop on two devices, and weights of other groups."""

from __future__ import annotations

import types

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.errors import UserError
from mixdmt_tf.models.layers.replica_statistics import statistics_of_replicas
from mixdmt_tf.runs import training_loop
from mixdmt_tf.runs.runtime import mirrored_strategy
from tests.algorithms.classification import batches
from tests.runs.test_training_loop import Diary, Numbered, Schedule, Stub, train


class MadeUp:
    """Batches of random images."""

    def __init__(self, recipe):
        self.recipe = recipe

    def dataset(self, start, stop, replicas, own):
        rows = [
            batches.make(self.recipe, 4, step=step, seed=replicas * step + replica)
            for step in range(start, stop)
            for replica in own
        ]
        columns = {name: tf.stack([row[name] for row in rows]) for name in rows[0]}
        return tf.data.Dataset.from_tensor_slices(columns)


def test_running_statistics_are_the_same_on_all_devices():
    """Each has seen other images; those of a second network count as well."""
    strategy = mirrored_strategy()
    assert strategy.num_replicas_in_sync == 2
    with strategy.scope(), statistics_of_replicas():
        method = batches.build("dual_student", "wide_resnet")
    data = MadeUp(method.recipe(method.config))
    train(method, data, strategy, Schedule(1, 1, 1, 1), Diary().hooks)
    for network in (method.network, method.peer):
        assert network.non_trainable_weights
        for weight in network.non_trainable_weights:
            one, other = (each.numpy() for each in weight.values)
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_weights_of_another_group_that_are_not_finite(value):
    """Of a discriminator, for example, while the network is sound."""
    stub, diary = Stub(range(1, 11)), Diary()
    group = types.SimpleNamespace(weights=[tf.Variable(np.float32(value))])
    stub.groups = {"critic": group}
    with pytest.raises(UserError, match="the weights are not finite"):
        train(
            *(stub, Numbered(), tf.distribute.get_strategy()),
            *(Schedule(10, 100, 3, 1), diary.hooks),
        )
    assert not diary.steps("save")


def test_steps_at_once_are_not_measured_on_several_devices(monkeypatch):
    """Their processes might choose differently."""
    chosen = []
    monkeypatch.setattr(
        training_loop, "steps_at_once", lambda *facts: chosen.append(facts) or 1
    )
    strategy = mirrored_strategy()
    with strategy.scope(), statistics_of_replicas():
        method = batches.build("supervised", "wide_resnet")
    schedule = Schedule(8, 8, 8, 8, steps_per_execution=None)
    data = MadeUp(method.recipe(method.config))
    train(method, data, strategy, schedule, Diary().hooks)
    assert not chosen
