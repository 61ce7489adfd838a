"""Adam with learning rates of groups of layers."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.algorithms.parts.adam import Adam
from mixdmt_tf.algorithms.parts.layer_rates import LayerRates
from mixdmt_tf.algorithms.parts.momentum import Momentum, learning_rate
from mixdmt_tf.algorithms.parts.scaled_gradients import apply_scaled_gradients
from mixdmt_tf.runs.runtime import mirrored_strategy
from tests.algorithms.parts.test_momentum_head import (
    STEPS,
    apply,
    network,
    random_gradients,
    values,
)
from tests.oracles import adam as oracle
from tests.oracles import momentum as momentum_oracle
from tests.oracles.schedules import polynomial_to_zero

GROUPS = {
    "head": ("classes",),
    "head_rate": 5.0,
    "decoder": ("my_",),
    "encoder_rate": 0.1,
}
# 'aspp_0' and 'body' are the encoder.
RATES = {"aspp_0": 0.1, "body": 0.1, "my_classes": 1.0, "classes": 5.0}
EPSILON = 1e-4


def expectation(descend, first, gradients, rates, *rest):
    """The oracle, run for the weights of each layer at its own rate."""
    weights = {}
    for layer, factor in RATES.items():
        some = {name: w for name, w in first.items() if name.split("/")[0] == layer}
        weights.update(descend(some, gradients, factor * rates, *rest)[0])
    return weights


def assert_weights(model, expected, **tolerance):
    found = values(model)
    assert set(found) == set(expected)
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], **tolerance, err_msg=name)


@pytest.mark.parametrize("traced", [False, True])
def test_with_even_rates_its_steps_are_those_of_keras(traced):
    models, gradients = (network(), network()), random_gradients(network())
    schedule = learning_rate(0.03, "poly", 25)
    optimizers = (
        Adam(schedule, epsilon=EPSILON, head=("classes",)),
        keras.optimizers.Adam(schedule, epsilon=EPSILON),
    )
    for model, optimizer in zip(models, optimizers):
        optimizer.build(model.trainable_variables)

        def step(gradient, model=model, optimizer=optimizer):
            apply(optimizer, model, gradient)

        step = tf.function(step) if traced else step
        for gradient in gradients:
            step({name: tf.constant(g, tf.float32) for name, g in gradient.items()})
    for one, other in zip(models[0].get_weights(), models[1].get_weights()):
        np.testing.assert_array_equal(one, other)


def test_what_all_weights_share_is_computed_once_a_step():
    model = network()
    optimizer = Adam(0.03, **GROUPS)
    optimizer.build(model.trainable_variables)

    @tf.function
    def steps(gradient):
        apply(optimizer, model, gradient)
        apply(optimizer, model, gradient)

    gradient = random_gradients(model)[0]
    graph = steps.get_concrete_function(
        {name: tf.constant(g, tf.float32) for name, g in gradient.items()}
    ).graph
    powers = [each for each in graph.get_operations() if each.type == "Pow"]
    # b1^t and b2^t in each of two steps, for each of three rates.
    assert len(powers) == 2 * 2 * 3 < 2 * 2 * len(model.trainable_variables)


@pytest.mark.parametrize("make", [Adam, Momentum])
def test_each_group_has_its_rate(make):
    """20 steps of a run of 25, the rate falling at each."""
    model = network()
    first, gradients = values(model), random_gradients(model)
    schedule = learning_rate(0.03, "poly", 25)
    rates = 0.03 * polynomial_to_zero(np.arange(STEPS), 25)
    if make is Adam:
        optimizer = Adam(schedule, epsilon=EPSILON, **GROUPS)
        expected = expectation(oracle.descend, first, gradients, rates, EPSILON)
    else:
        optimizer = Momentum(schedule, nesterov=True, **GROUPS)
        descend = momentum_oracle.descend
        expected = expectation(descend, first, gradients, rates, 0.9, True)
    for gradient in gradients:
        apply(optimizer, model, gradient)
    assert_weights(model, expected, rtol=1e-4, atol=1e-5)


def test_float16_unscales_the_gradients():
    """The optimizer is within Keras's loss scaling there."""
    model = network()
    first, gradients = values(model), random_gradients(model, 5)
    inner = Adam(0.03, epsilon=EPSILON, **GROUPS)
    if compat.KERAS_3:
        optimizer = keras.optimizers.LossScaleOptimizer(inner)
    else:
        optimizer = keras.mixed_precision.LossScaleOptimizer(inner)
    optimizer.build(model.trainable_variables)
    for gradient in gradients:
        tensors = [tf.constant(g, tf.float32) for g in gradient.values()]
        scaled = [compat.scale_loss(optimizer, g) for g in tensors]
        apply_scaled_gradients(optimizer, scaled, model.trainable_variables)
    rates = np.full(5, 0.03)
    expected = expectation(oracle.descend, first, gradients, rates, EPSILON)
    assert_weights(model, expected, rtol=1e-3, atol=1e-4)


def test_two_replicas_take_the_steps_of_one():
    strategy = mirrored_strategy()
    with strategy.scope():
        model = network()
        optimizer = Adam(0.03, epsilon=EPSILON, **GROUPS)
        optimizer.build(model.trainable_variables)
    first, gradients = values(model), random_gradients(model, 5)

    def half_a_step(gradient):  # gradients are summed over the two replicas
        apply(optimizer, model, {name: g / 2 for name, g in gradient.items()})

    @tf.function
    def step(gradient):
        strategy.run(half_a_step, args=(gradient,))

    for gradient in gradients:
        step({name: tf.constant(g, tf.float32) for name, g in gradient.items()})
    rates = np.full(5, 0.03)
    expected = expectation(oracle.descend, first, gradients, rates, EPSILON)
    assert_weights(model, expected, rtol=1e-4, atol=1e-5)


def test_it_resumes_where_it_stopped(tmp_path):
    def start():
        optimizer, model = Adam(0.03, **GROUPS), network()
        optimizer.build(model.trainable_variables)
        return model, optimizer, tf.train.Checkpoint(model=model, optimizer=optimizer)

    model, optimizer, state = start()
    gradients = random_gradients(model, 4)
    for gradient in gradients[:2]:
        apply(optimizer, model, gradient)
    path = state.write(str(tmp_path / "state"))
    for gradient in gradients[2:]:
        apply(optimizer, model, gradient)
    resumed, optimizer, state = start()
    state.read(path).assert_existing_objects_matched().expect_partial()
    for gradient in gradients[2:]:
        apply(optimizer, resumed, gradient)
    for got, expected in zip(resumed.get_weights(), model.get_weights()):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("make", [Adam, Momentum])
def test_it_survives_its_configuration(make):
    optimizer = make(learning_rate(0.1, "poly", 9), **GROUPS)
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert copy.get_config() == optimizer.get_config()
    assert copy.rates == optimizer.rates == LayerRates(**GROUPS)
    model, other = network(), network()
    (gradient,) = random_gradients(model, 1)
    apply(optimizer, model, gradient)
    apply(copy, other, gradient)
    for got, expected in zip(other.get_weights(), model.get_weights()):
        np.testing.assert_array_equal(got, expected)


def test_what_is_neither_head_nor_decoder_is_the_encoder():
    rates = LayerRates(**GROUPS)
    assert rates.of_all(network().trainable_variables) == [
        each for each in RATES.values() for _ in range(2)
    ]
    assert not rates.even and LayerRates(head=("classes",)).even
    assert not LayerRates(head_rate=2.0).even
    assert not LayerRates(encoder_rate=0.0).even
