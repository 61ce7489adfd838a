"""Two replicas do what one device does with all their rows."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import algorithms, compat
from mixdmt_tf.algorithms import base
from mixdmt_tf.runs.runtime import mirrored_strategy
from tests.algorithms.classification import batches
from tests.conformance import steps

NAMES = steps.of_their_own()
ROWS = 4  # per replica


def distribute(strategy, first, second):
    """Values of which each replica sees its own."""
    return {
        name: strategy.experimental_distribute_values_from_function(
            lambda context, name=name: (first, second)[
                context.replica_id_in_sync_group
            ][name]
        )
        for name in first
    }


def run(strategy, method, pairs, compiled=True):
    def step(batch):
        strategy.run(method.train_step, args=(batch,))

    step = tf.function(step, autograph=False) if compiled else step
    for first, second in pairs:
        step(distribute(strategy, first, second))


def weighted(recipe, step, seed):
    """A batch whose labels have weights, by which a row counts on any replica."""
    weights = np.random.default_rng(seed).uniform(0, 2, ROWS).astype(np.float32)
    batch = batches.make(recipe, ROWS, step=step, seed=seed)
    return {**batch, "x_weight": tf.constant(weights)}


@pytest.mark.parametrize("name", NAMES)
def test_two_replicas_equal_one(name):
    """On a network whose rows do not see each other: no batch normalization."""
    alone = batches.build(name, learning_rate=0.01)
    strategy = mirrored_strategy()
    with strategy.scope():
        together = batches.build(name, learning_rate=0.01)
        # SGD, since Adam divides by gradients that are almost zero.
        together.compile(keras.optimizers.SGD(0.5))
    alone.compile(keras.optimizers.SGD(0.5))
    together.network.set_weights(alone.network.get_weights())
    for (_, one), (_, other) in zip(alone.average.pairs(), together.average.pairs()):
        other.assign(one.numpy())
    if alone.has_peer:
        together.peer.set_weights(alone.peer.get_weights())
    recipe = alone.recipe(alone.config)
    pairs = [
        [weighted(recipe, step, seed=2 * step + r) for r in (0, 1)] for step in range(3)
    ]
    run(strategy, together, pairs)
    for first, second in pairs:
        logs = alone.train_step(batches.merge(first, second))
    for got, expected in zip(batches.weights(together), batches.weights(alone)):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)
    for got, expected in zip(together.trained_weights, alone.trained_weights):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)
    for metric, value in logs.items():
        got = float(together.means[metric].result())
        assert got == pytest.approx(float(value), rel=1e-3, abs=1e-5), metric


# One network; with a teacher; with a peer; a method with several passes. What else a
# method is made of has nothing to do with precision on replicas.
KINDS = ("supervised", "mean_teacher", "dual_student", "dmt")
# float16 scales the loss besides; bfloat16 is that without.
CASES = [(name, "mixed_float16") for name in KINDS] + [("supervised", "mixed_bfloat16")]


@pytest.mark.parametrize("name,precision", CASES)
def test_replicas_stay_alike_in_half_precision(name, precision):
    keras.mixed_precision.set_global_policy(precision)
    strategy = mirrored_strategy()
    with strategy.scope():
        method = batches.build(name, network="wide_resnet")
    recipe = method.recipe(method.config)
    before = batches.weights(method)
    pairs = [
        [batches.make(recipe, ROWS, seed=2 * s + r) for r in (0, 1)] for s in (0, 1)
    ]
    # The graph of this larger network takes seconds; those of float16 are below.
    run(strategy, method, pairs, compiled=False)
    trained = map(compat.tf_variable, method.trained_weights)
    for variable in [*trained, *method.average.averages]:
        one, other = (v.numpy() for v in variable.values)
        np.testing.assert_array_equal(one, other)
        assert np.isfinite(one).all()
    changed = [(a != b).any() for a, b in zip(batches.weights(method), before)]
    assert any(changed)


class Overflowing(base.Algorithm):
    """A method whose loss is infinite on one replica at step 1."""

    replica = 0

    def step_losses(self, batch):
        logits = self.network(batch["x"], training=True)
        here = tf.distribute.get_replica_context().replica_id_in_sync_group
        bad = tf.equal(here, self.replica) & tf.equal(batch["step"], 1)
        factor = tf.where(bad, np.inf, 1.0)
        return {"loss_x": base.Term(tf.reduce_sum(logits, -1) * factor)}, {}

    reported = ("loss_x",)


@pytest.mark.parametrize("replica", [0, 1])
def test_a_float16_step_that_overflows_on_any_replica_is_skipped_on_all(replica):
    keras.mixed_precision.set_global_policy("mixed_float16")
    config = algorithms.method("classification", "supervised").config_class(
        weight_decay=0.0, ema_decay=0.0
    )
    strategy = mirrored_strategy()
    with strategy.scope():
        small = batches.build("supervised").network
        method = Overflowing(small, config, base.RunFacts(batches.CLASSES, 8, 100))
        method.compile()
    method.replica = replica
    recipe = algorithms.method("classification", "supervised").recipe(config)

    def pair(step):
        return [batches.make(recipe, ROWS, step=step, seed=r) for r in (0, 1)]

    run(strategy, method, [pair(0)])
    before = method.network.get_weights()
    run(strategy, method, [pair(1)])
    for got, expected in zip(method.network.get_weights(), before):
        np.testing.assert_array_equal(got, expected)
    run(strategy, method, [pair(2)])
    after = method.network.get_weights()
    assert all(np.isfinite(weight).all() for weight in after)
    assert any((a != b).any() for a, b in zip(after, before))
