"""What every file in `algorithms/` must hold; a new one is tested by being there."""

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import algorithms
from mixdmt_tf.algorithms import base
from mixdmt_tf.models.wide_resnet import WideResNet
from mixdmt_tf.settings import settings_of
from tests.algorithms.classification import batches
from tests.conformance import steps

NAMES = steps.of_their_own()
ROWS = 8
# In which a batch can be memorized, by the slowest method in one stage more.
LARGER = WideResNet(depth=10, width=1, stages=2)
LARGEST = {"self_training": WideResNet(depth=10, width=1)}
SUPERVISED = {"loss_x", "loss_x_peer"}

pytestmark = pytest.mark.parametrize("name", NAMES)


def batch_for(method, seed=0, step=30, rows=ROWS):
    return batches.make(method.recipe(method.config), rows, step=step, seed=seed)


def test_there_are_algorithms(name):
    assert {"realmix", "supervised"} <= set(NAMES)
    assert algorithms.method("classification", name).reported


@pytest.mark.parametrize("precision", ("mixed_bfloat16", "mixed_float16"))
def test_half_precision_computes_nearly_the_same_loss(name, precision):
    weights, expected = in_float32(name)
    keras.mixed_precision.set_global_policy(precision)
    half = batches.build(name, network="wide_resnet")
    for network, values in zip(networks(half), weights):
        network.set_weights(values)
    half.average.restart()
    assert check_step(half, batch_for(half)) == pytest.approx(expected, rel=0.03)
    check_step(half, batch_for(half, seed=1))


@functools.lru_cache(maxsize=None)  # for both precisions
def in_float32(name):
    """Initial weights of a method's networks, and the loss of its first step."""
    method = batches.build(name, network="wide_resnet")
    weights = [network.get_weights() for network in networks(method)]
    return weights, check_step(method, batch_for(method))


def check_step(method, batch):
    """Takes a step, whose values are finite and float32, and returns its loss."""
    # Not in a graph, which takes seconds to make; other tests train in graphs.
    before = batches.weights(method)
    logs = method.train_step(batch)
    assert set(logs) == {"loss", *method.reported}
    for value in logs.values():
        assert value.dtype == tf.float32 and np.isfinite(value)
    after = batches.weights(method)
    assert all(np.isfinite(weight).all() for weight in after)
    assert any((a != b).any() for a, b in zip(after, before))
    return float(logs["loss"])


def networks(method):
    """The network and, if there is one, the peer."""
    return [method.network, *([method.peer] if method.has_peer else [])]


def all_weights(method):
    """Weights and averages, and all weights of a peer."""
    return batches.weights(method) + (
        method.peer.get_weights() if method.has_peer else []
    )


def test_every_weight_gets_a_gradient_and_the_teachers_none(name):
    method = batches.build(name, network="wide_resnet")
    batch = batch_for(method)
    teachers = method.teacher.trainable_variables if method.teacher else []
    with tf.GradientTape() as tape:
        terms, _ = method.step_losses(batch)
        loss = tf.add_n([tf.reduce_mean(term.values) for term in terms.values()])
    variables = method.trained_weights
    gradients = tape.gradient(loss, [*variables, *teachers])
    assert gradients[len(variables) :] == [None] * len(teachers)
    for weight, gradient in zip(variables, gradients):
        assert gradient is not None, weight.name
        # A convolution's bias before batch normalization has none by construction.
        if "bias" not in weight.name:
            assert np.abs(gradient).max() > 0, weight.name


def test_a_teacher_predicts_with_the_averages_of_the_weights(name):
    method = batches.build(name, network="wide_resnet", ema_decay=0.5)
    assert (method.teacher is not None) == method.has_teacher
    if not method.has_teacher:
        return
    first = method.network.get_weights()
    for got, expected in zip(method.teacher.get_weights(), first):
        np.testing.assert_array_equal(got, expected)
    method.train_step(batch_for(method))
    pairs = zip(method.network.trainable_variables, method.teacher.trainable_variables)
    for weight, average in pairs:
        assert (weight.numpy() != average.numpy()).any(), weight.name
    for average, held in zip(
        method.average.averages, method.teacher.trainable_variables
    ):
        np.testing.assert_array_equal(average, held)
    # Its own running statistics are never used and never moved.
    for weight, held, start in zip(
        method.teacher.weights, method.teacher.get_weights(), first
    ):
        if "moving" in weight.name:
            np.testing.assert_array_equal(held, start)


def test_a_peer_starts_elsewhere_is_trained_and_has_no_averages(name):
    keras.utils.set_random_seed(5)
    method = batches.build(name, network="wide_resnet")
    assert (method.peer is not None) == method.has_peer
    own = len(method.network.trainable_variables)
    assert len(method.average.pairs()) == own
    added = sum(bool(each.trainable) for each in method.own_variables)
    assert len(method.trained_weights) == own * (1 + method.has_peer) + added
    if not method.has_peer:
        return
    first = method.peer.get_weights()
    pairs = zip(method.network.weights, first)
    random = [(w, other) for w, other in pairs if "kernel" in w.name]
    assert len(random) > 3 and all((w.numpy() != o).any() for w, o in random)
    keras.utils.set_random_seed(5)
    again = batches.build(name, network="wide_resnet").peer.get_weights()
    for one, other in zip(first, again):
        np.testing.assert_array_equal(one, other)
    method.train_step(batch_for(method))
    for weight, before in zip(method.peer.weights, first):
        if "bias" not in weight.name:
            assert (weight.numpy() != before).any(), weight.name


def batch_for_name(name):
    return batch_for(batches.build(name))


def same_updates(name):
    """The settings that say how weights are updated; SGD forgives rounding."""
    config = algorithms.method("classification", name).config_class()
    shared = {each.name for each in settings_of(base.Config)}
    values = {key: getattr(config, key) for key in shared}
    return {**values, "optimizer": "sgd", "learning_rate": 0.01}


def test_unsupervised_terms_have_a_value_and_a_gradient(name):
    method = batches.build(name)
    terms, _ = method.step_losses(batch_for(method))
    found = sorted(set(terms) - SUPERVISED)
    assert ("loss_x_peer" in terms) == method.has_peer
    assert bool(found) == bool(method.recipe(method.config).unlabeled_views)
    # Other images: a method may remember the first ones.
    other = batch_for(method, seed=1)
    for term in found:
        before = [each.numpy() for each in method.own_variables]
        with tf.GradientTape() as tape:
            values = method.step_losses(other)[0][term].values
            loss = tf.reduce_mean(values)
        gradients = tape.gradient(loss, method.trained_weights)
        sizes = [np.abs(each).max() for each in gradients if each is not None]
        assert abs(float(loss)) > 1e-8 and max(sizes) > 1e-8
        assert float(terms[term].weight) > 0
        for variable, value in zip(method.own_variables, before):
            variable.assign(value)


def test_reported_names_are_what_losses_returns(name):
    method = batches.build(name)
    terms, reports = method.step_losses(batch_for(method))
    assert set(method.reported) == {*terms, *reports}


def test_loss_falls_on_data_that_can_be_memorized(name):
    network = LARGEST.get(name, LARGER)
    method = batches.build(name, network=network, weight_decay=0.0)
    batch = batch_for(method, step=100)
    if method.recipe(method.config).mixup_shared:
        batch["lam"] = tf.ones_like(batch["lam"])  # mixtures of all rows are harder
    step = tf.function(method.train_step, autograph=False)
    losses = []
    # The first one is of the labels, alone or together with others.
    term = method.reported[0]
    for _ in range(25):
        losses.append(float(step(batch)[term]))
        method.means[term].reset_state()
    assert np.mean(losses[-3:]) < 0.6 * losses[0]


def test_the_same_seed_gives_the_same_weights(name):
    outcomes = []
    for _ in range(2):
        keras.utils.set_random_seed(5)
        method = batches.build(name)
        for seed in range(2):
            method.train_step(batch_for(method, seed))
        outcomes.append(all_weights(method))
    for one, other in zip(*outcomes):
        np.testing.assert_array_equal(one, other)
