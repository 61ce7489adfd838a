"""A batch in parts does what it does as a whole, where rows do not see each other."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms.parts.gradient_sums import GradientSums
from mixdmt_tf.algorithms.parts.terms import Term, by_count, mean_over_replicas
from mixdmt_tf.runs.runtime import mirrored_strategy
from tests.algorithms.classification import batches
from tests.conformance import test_replicas

ROWS = 4  # of a part


def step_in_parts(method, sums, parts):
    for part in parts[:-1]:
        sums.add(method.gradients(part, in_parts=True))
    return method.train_step(parts[-1], sums)


def pair(name, policy="float32", **settings):
    """Two methods of the same weights: one for the whole batch, one for its parts."""
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(policy)
    try:
        whole, parted = (batches.build(name, **settings) for _ in range(2))
        for each in (whole, parted):
            each.compile(keras.optimizers.SGD(0.5))
    finally:
        keras.mixed_precision.set_global_policy(before)
    parted.network.set_weights(whole.network.get_weights())
    for (_, one), (_, other) in zip(whole.average.pairs(), parted.average.pairs()):
        other.assign(one.numpy())
    if whole.has_peer:
        parted.peer.set_weights(whole.peer.get_weights())
    return whole, parted


def parts_of(method, step, make=batches.make):
    recipe = method.recipe(method.config)
    return [make(recipe, ROWS, step=step, seed=2 * step + n) for n in (0, 1)]


def require_equal(whole, parted, **tolerance):
    for one, other in zip(whole.trained_weights, parted.trained_weights):
        np.testing.assert_allclose(np.array(other), np.array(one), **tolerance)
    for one, other in zip(batches.weights(whole), batches.weights(parted)):
        np.testing.assert_allclose(other, one, **tolerance)


# Their terms count all rows, or divide by all of them; one is of two networks, one of
# rows that are mixed within a part, which `batches.merge` keeps together. The last two
# divide by the labels that they are not sure of, as many as it happens in each part.
ANNEALED = {"tsa": "linear"}
METHODS = {
    "supervised": {},
    "mixmatch": {},
    "mean_teacher": {},
    "fixmatch": {},
    "dual_student": {},
    "uda": ANNEALED,
    # Percentiles of the other mask are those of a part.
    "realmix": {**ANNEALED, "tsa_steps": 16, "ood_rate": 0.0},
}


@pytest.mark.parametrize("name", METHODS)
def test_two_parts_equal_the_whole(name):
    whole, parted = pair(name, **METHODS[name])
    sums, kept = GradientSums(), []
    for step in range(3):
        parts = parts_of(whole, step)
        if METHODS[name]:
            masks = [whole.step_losses(part)[0]["loss_x"].mask for part in parts]
            kept.append({float(tf.reduce_sum(mask)) for mask in masks})
        logs = whole.train_step(batches.merge(*parts))
        in_parts = step_in_parts(parted, sums, parts)
    require_equal(whole, parted, rtol=1e-5, atol=1e-6)
    if METHODS[name]:  # reported are the means of both parts
        assert max(map(len, kept)) == 2
        return
    for metric in ("loss", *whole.reported):
        assert float(in_parts[metric]) == pytest.approx(float(logs[metric]), abs=1e-5)


def test_batch_normalization_with_frozen_statistics():
    """A network of its own kind whose normalization does not look at the batch."""
    whole, parted = pair("supervised", network="wide_resnet")
    for method in (whole, parted):
        for layer in method.network.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
        method.compile(keras.optimizers.SGD(0.5))
    sums = GradientSums()
    for step in range(2):
        parts = parts_of(whole, step)
        whole.train_step(batches.merge(*parts))
        step_in_parts(parted, sums, parts)
    require_equal(whole, parted, rtol=1e-5, atol=1e-6)


def test_masked_means_are_those_of_the_whole_batch():
    """A part with three rows that count and one with one: the mean of the four rows."""
    losses = tf.constant([1.0, 2.0, 3.0, 10.0]), tf.constant([4.0, 0.0, 0.0, 0.0])
    masks = tf.constant([1.0, 1.0, 1.0, 0.0]), tf.constant([1.0, 0.0, 0.0, 0.0])
    nothing = tf.zeros(4)
    weight = tf.Variable(1.0)
    sums = GradientSums()
    found = []
    for values, mask in zip(losses, masks):
        with tf.GradientTape(persistent=True) as tape:
            terms = {
                "masked": Term(weight * values, mask),
                "all": Term(10.0 * weight * values),
                "over_all": Term(100.0 * weight * values, mask, over_all=True),
                "none": Term(weight * values, nothing),
            }
            means = {name: mean_over_replicas(term) for name, term in terms.items()}
        shares = []
        for some, count in by_count(terms):
            taken = [tape.gradient(means[name], weight) for name in some]
            # The second weight has no part in any term.
            shares.append(({"network": [tf.add_n(taken), None]}, count))
        found.append(shares)
    assert [list(some) for some, _ in by_count(terms)] == [
        ["masked"],
        ["all", "over_all"],
        ["none"],
    ]
    for _ in range(2):  # sums begin anew
        sums.add(found[0])
        mean, none = sums.finish(found[1])["network"]
        assert float(mean) == pytest.approx(10 / 4 + 10 * 20 / 8 + 100 * 10 / 8)
        assert none is None


def test_loss_scaling_and_a_part_that_overflows():
    """As in one go; a part that overflows skips the step, and the next one is whole."""
    whole, parted = pair("supervised", "mixed_float16", weight_decay=0.0)
    sums = GradientSums()
    parts = parts_of(whole, 0)
    whole.train_step(batches.merge(*parts))
    step_in_parts(parted, sums, parts)
    require_equal(whole, parted, rtol=2e-3, atol=2e-4)  # float16 has 11 bits
    before = [np.array(weight) for weight in parted.trained_weights]
    broken = {**parts[0], "x": parts[0]["x"] * np.float32(np.inf)}
    step_in_parts(parted, sums, [broken, parts[1]])
    for weight, old in zip(parted.trained_weights, before):
        np.testing.assert_array_equal(np.array(weight), old)
    step_in_parts(parted, sums, parts)
    assert all(np.isfinite(np.array(w)).all() for w in parted.trained_weights)
    changed = zip(parted.trained_weights, before)
    assert any((np.array(w) != old).any() for w, old in changed)


@pytest.mark.parametrize("name", ["mixmatch", "uda"])
def test_two_replicas_in_two_parts_equal_one_in_one(name):
    whole, _ = pair(name, **METHODS[name])
    strategy, sums = mirrored_strategy(), GradientSums()
    with strategy.scope():
        together = batches.build(name, **METHODS[name])
        together.compile(keras.optimizers.SGD(0.5))
    together.network.set_weights(whole.network.get_weights())
    for (_, one), (_, other) in zip(whole.average.pairs(), together.average.pairs()):
        other.assign(one.numpy())
    recipe = whole.recipe(whole.config)
    quarters = [batches.make(recipe, ROWS, seed=seed) for seed in range(4)]

    @tf.function(autograph=False)
    def step(first, second):
        strategy.run(
            lambda batch: sums.add(together.gradients(batch, in_parts=True)),
            args=(first,),
        )
        strategy.run(lambda batch: together.train_step(batch, sums), args=(second,))

    first, second = quarters[:2], quarters[2:]
    distribute = test_replicas.distribute
    step(distribute(strategy, *first), distribute(strategy, *second))
    halves = [batches.merge(*first), batches.merge(*second)]
    step_in_parts(whole, GradientSums(), halves)
    require_equal(whole, together, rtol=1e-4, atol=1e-6)
