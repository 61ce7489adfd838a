"""Ways to run a step: compiled by XLA, several in a call, on replicas, in float16."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import algorithms, compat
from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.classification import supervised
from mixdmt_tf.algorithms.parts import perturbed_decoders
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.runs import training_loop
from mixdmt_tf.runs.runtime import mirrored_strategy
from tests.algorithms.classification import batches
from tests.algorithms.segmentation import batches as scenes

ROWS = 4  # per replica
STEPS = 4

# Mixing and sharpening; a teacher; weighted pixels; an adversary with its optimizer.
CLASSIFICATION = {"mixmatch": "small_cnn", "mean_teacher": "wide_resnet"}
SEGMENTATION = ("dmt", "s4gan")
# Without SciPy, which XLA can't call, and numbers that it draws otherwise.
OF_METHODS = {"cct": {k: int("masking" in k) for k in perturbed_decoders.KINDS}}


def pair(name):
    """A method twice, and a batch for it."""
    if name in CLASSIFICATION:
        methods = [batches.build(name, CLASSIFICATION[name]) for _ in range(2)]
        batch = batches.make(methods[0].recipe(methods[0].config), ROWS)
    else:
        methods = [scenes.build(name, **OF_METHODS.get(name, {})) for _ in range(2)]
        batch = scenes.batch_for(methods[0])
    return methods, batch


def all_weights(method):
    """Of all groups, with running statistics, and the averages."""
    groups = [weight for each in method.groups.values() for weight in each.weights]
    weights = [compat.tf_variable(w) for w in [*groups, *method.network.weights]]
    return [weight.numpy() for weight in [*weights, *method.average.averages]]


@pytest.mark.parametrize(
    "name",
    [*CLASSIFICATION, *SEGMENTATION, pytest.param("cct", marks=pytest.mark.long)],
)
def test_xla_computes_the_same_step(name):
    (plain, compiled), batch = pair(name)
    for each in (plain, compiled):  # Adam divides by gradients that are almost zero
        each.compile(keras.optimizers.SGD(0.1))
    compiled.network.set_weights(plain.network.get_weights())
    for own, theirs in zip(compiled.groups.values(), plain.groups.values()):
        for one, other in zip(own.weights, theirs.weights):
            one.assign(np.asarray(other))
    for each in (plain, compiled):
        each.weights_replaced()
    step = tf.function(compiled.train_step, jit_compile=True, autograph=False)
    expected, found = plain.train_step(batch), step(batch)
    for metric, value in expected.items():
        assert float(found[metric]) == pytest.approx(float(value), rel=1e-3, abs=1e-5)
    for got, wanted in zip(all_weights(compiled), all_weights(plain)):
        np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-5)


@tf.custom_gradient
def exploding(x, factor):
    """x, whose gradient is multiplied."""
    return x, lambda dy: (dy * factor, None)


class Exploding(supervised.Supervised):
    """A method whose gradient is infinite on one replica at step 1, unlike its loss."""

    replica = 0

    def step_losses(self, batch):
        terms, reports = super().step_losses(batch)
        here = tf.distribute.get_replica_context().replica_id_in_sync_group
        bad = tf.equal(here, self.replica) & tf.equal(batch["step"], 1)
        term = terms["loss_x"]
        values = exploding(term.values, tf.where(bad, np.inf, 1.0))
        return {"loss_x": dataclasses.replace(term, values=values)}, reports


class MadeUp:
    """A pipeline of random batches."""

    def dataset(self, start, stop, replicas, own):
        rows = [
            batches.make(Recipe(), ROWS, step=step, seed=replicas * step + replica)
            for step in range(start, stop)
            for replica in own
        ]
        stacked = {name: tf.stack([each[name] for each in rows]) for name in rows[0]}
        return tf.data.Dataset.from_tensor_slices(stacked)


def trained(replica, steps_per_execution):
    """The method after `STEPS` steps on two replicas by the training loop."""
    keras.utils.set_random_seed(1)
    strategy = mirrored_strategy()
    config = algorithms.method("classification", "supervised").config_class()
    with strategy.scope():
        network = batches.build("supervised").network
        method = Exploding(network, config, base.RunFacts(batches.CLASSES, 8, 100))
        method.compile()
    method.replica = replica
    schedule = training_loop.Schedule(STEPS, STEPS, STEPS, STEPS, steps_per_execution)
    calls = []
    hooks = training_loop.Hooks(
        lambda step, numbers: None,
        lambda step: None,
        lambda step: None,
        lambda step, numbers: calls.append(step),
        lambda: False,
    )
    done = training_loop.train(method, MadeUp(), strategy, schedule, hooks)
    assert done == STEPS
    return method, calls


def state(method):
    """Weights and optimizer, those of both replicas."""
    found = [*method.network.weights, *compat.variables(method.optimizer)]
    variables = [*map(compat.tf_variable, found), *method.average.averages]
    local = tf.distribute.MirroredStrategy.experimental_local_results
    return [each.numpy() for v in variables for each in local(mirrored_strategy(), v)]


@pytest.mark.parametrize("replica", [0, 1])
def test_several_steps_in_a_call_one_of_which_float16_skips(replica):
    """On two replicas: as one by one; the third step goes on with half of the scale."""
    keras.mixed_precision.set_global_policy("mixed_float16")
    together, calls = trained(replica, STEPS)
    assert calls == [STEPS]
    single, calls = trained(replica, 1)
    assert calls == [1, 2, 3, 4]
    for one, other in zip(state(together), state(single)):
        np.testing.assert_array_equal(one, other)
    inner = together.optimizer.inner_optimizer
    assert int(tf.convert_to_tensor(inner.iterations)) == STEPS - compat.KERAS_3
    scaling = together.optimizer
    scale = scaling.dynamic_scale if compat.KERAS_3 else scaling.loss_scale
    assert float(tf.convert_to_tensor(scale)) == 2**14
    assert all(np.isfinite(weight).all() for weight in state(together))
    trainable = {id(compat.tf_variable(w)) for w in together.trained_weights}
    for weight in map(compat.tf_variable, together.network.weights):
        if id(weight) in trainable:
            one, other = (each.numpy() for each in weight.values)
            np.testing.assert_array_equal(one, other)
