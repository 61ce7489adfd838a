"""What every file in `algorithms/` must hold; a new one is tested by being there."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import algorithms
from mixdmt_tf.settings import modules
from tests.algorithms import batches

NAMES = modules("mixdmt_tf.algorithms", "Method")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
ROWS = 8
UNSUPERVISED = ("loss_u",)

pytestmark = pytest.mark.parametrize("name", NAMES)


def batch_for(method, seed=0, step=30, rows=ROWS):
    return batches.make(method.recipe(method.config), rows, step=step, seed=seed)


def test_there_are_algorithms(name):
    assert {"realmix", "supervised"} <= set(NAMES)
    assert algorithms.algorithm(name).Method.reported


@pytest.mark.parametrize("precision", PRECISIONS)
def test_loss_is_finite_and_float32(name, precision):
    keras.mixed_precision.set_global_policy(precision)
    method = batches.build(name, network="wide_resnet")
    step = tf.function(method.train_step)
    before = batches.weights(method)
    for seed in range(2):
        logs = step(batch_for(method, seed))
    assert set(logs) == {"loss", *method.reported}
    for value in logs.values():
        assert value.dtype == tf.float32 and np.isfinite(value)
    after = batches.weights(method)
    assert all(np.isfinite(w).all() for w in after)
    assert any((a != b).any() for a, b in zip(after, before))


@pytest.mark.parametrize("precision", ("mixed_bfloat16", "mixed_float16"))
def test_half_precision_computes_nearly_the_same_loss(name, precision):
    full = batches.build(name, network="wide_resnet")
    keras.mixed_precision.set_global_policy(precision)
    half = batches.build(name, network="wide_resnet")
    half.network.set_weights(full.network.get_weights())
    batch = batch_for(full)
    expected = float(full.train_step(batch)["loss"])
    assert float(half.train_step(batch)["loss"]) == pytest.approx(expected, rel=0.03)


def test_every_weight_gets_a_gradient(name):
    method = batches.build(name, network="wide_resnet")
    batch = batch_for(method)
    with tf.GradientTape() as tape:
        terms, _ = method.losses(batch)
        loss = tf.add_n([tf.reduce_mean(term.values) for term in terms.values()])
    gradients = tape.gradient(loss, method.network.trainable_variables)
    for weight, gradient in zip(method.network.trainable_variables, gradients):
        assert gradient is not None, weight.name
        # A convolution's bias before batch normalization has none by construction.
        if "bias" not in weight.name:
            assert np.abs(gradient).max() > 0, weight.name
    assert not any(average.trainable for average in method.average.averages)


def test_unsupervised_terms_have_a_value_and_a_gradient(name):
    method = batches.build(name)
    terms, _ = method.losses(batch_for(method))
    found = [term for term in UNSUPERVISED if term in terms]
    assert bool(found) == bool(method.recipe(method.config).unlabeled_views)
    for term in found:
        with tf.GradientTape() as tape:
            values = method.losses(batch_for(method))[0][term].values
            loss = tf.reduce_mean(values)
        gradients = tape.gradient(loss, method.network.trainable_variables)
        assert float(loss) > 1e-8
        assert max(float(np.abs(gradient).max()) for gradient in gradients) > 1e-8
        assert float(terms[term].weight) > 0


def test_reported_names_are_what_losses_returns(name):
    method = batches.build(name)
    terms, reports = method.losses(batch_for(method))
    assert set(method.reported) == {*terms, *reports}


def test_loss_falls_on_data_that_can_be_memorized(name):
    method = batches.build(name, network="wide_resnet", weight_decay=0.0)
    batch = batch_for(method, step=100)
    step = tf.function(method.train_step)
    losses = []
    for _ in range(25):
        losses.append(float(step(batch)["loss_x"]))
        method.means["loss_x"].reset_state()
    assert np.mean(losses[-3:]) < 0.6 * losses[0]


def test_the_same_seed_gives_the_same_weights(name):
    outcomes = []
    for _ in range(2):
        keras.utils.set_random_seed(5)
        method = batches.build(name)
        for seed in range(3):
            method.train_step(batch_for(method, seed))
        outcomes.append(batches.weights(method))
    for one, other in zip(*outcomes):
        np.testing.assert_array_equal(one, other)
