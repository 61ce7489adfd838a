"""Two optimizers in one step: each group of weights learns its own terms alone."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.algorithms.parts import groups
from mixdmt_tf.algorithms.parts.momentum import Momentum
from mixdmt_tf.algorithms.parts.terms import mean_over_replicas
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.runs import checkpoints, training_loop
from mixdmt_tf.runs.checkpoints import Checkpoints
from mixdmt_tf.runs.runtime import mirrored_strategy
from tests.algorithms import adversary
from tests.algorithms.adversary import weights
from tests.algorithms.classification import batches
from tests.conformance.test_replicas import run


def compiled(seed=1, rate=0.1, **settings):
    method = adversary.build(seed, weight_decay=0.0, **settings)
    method.compile(keras.optimizers.SGD(rate))
    return method


def batch(step=0):
    return batches.make(Recipe(), 4, step=step, seed=step)


def assert_same(one, other):
    for got, expected in zip(one, other):
        np.testing.assert_array_equal(got, expected)


def assert_others(one, other):
    for got, expected in zip(one, other):
        assert np.abs(got - expected).max() > 1e-4


def test_each_group_moves_along_the_gradient_of_its_own_terms():
    method = compiled()
    first, critic = weights(method)
    with tf.GradientTape(persistent=True) as tape:
        terms, _ = method.step_losses(batch())
        mean = {name: mean_over_replicas(term) for name, term in terms.items()}
        loss = mean["loss_x"] + mean["loss_a"]
    taken = tape.gradient(loss, method.network.trainable_variables)
    logs = method.train_step(batch())
    for old, new, gradient in zip(first, method.network.get_weights(), taken):
        np.testing.assert_allclose(new, old - 0.1 * gradient, rtol=1e-5, atol=1e-7)
    # Adam's first step has the length of its learning rate.
    for old, new, gradient in zip(
        critic,
        method.critic.get_weights(),
        tape.gradient(mean["loss_d"], method.critic.trainable_variables),
    ):
        expected = old - adversary.RATE * np.sign(gradient)
        np.testing.assert_allclose(new, expected, rtol=1e-3, atol=1e-5)
    assert float(logs["loss"]) == pytest.approx(float(loss))
    assert float(logs["loss_d"]) == pytest.approx(float(mean["loss_d"]))


def test_neither_step_moves_the_others_weights():
    still = compiled(rate=0.0)
    network, critic = weights(still)
    still.train_step(batch())
    assert_same(still.network.get_weights(), network)
    assert_others(still.critic.get_weights(), critic)

    still = compiled()
    still.groups["critic"].optimizer.learning_rate = 0.0
    still.train_step(batch())
    assert_others(still.network.get_weights(), network)
    assert_same(still.critic.get_weights(), critic)


def test_the_others_terms_reach_a_group_through_what_it_predicts_only():
    """Without pull the classifier learns labels alone, whatever the critic says."""
    alone, pulled = compiled(), compiled()
    alone.pull = 0.0
    supervised = batches.build("supervised", weight_decay=0.0)
    supervised.compile(keras.optimizers.SGD(0.1))
    supervised.network.set_weights(alone.network.get_weights())
    for each in (alone, pulled, supervised):
        each.train_step(batch())
    expected = supervised.network.get_weights()
    assert_same(alone.network.get_weights(), expected)
    assert_others(pulled.network.get_weights(), expected)


def test_a_step_of_which_nothing_counts_is_finite():
    method = compiled()
    _, critic = weights(method)
    method.kept = 0.0
    logs = method.train_step(batch())
    assert float(logs["loss_d"]) == 0 and np.isfinite(float(logs["loss"]))
    assert_same(method.critic.get_weights(), critic)


def test_kernels_of_each_group_decay_at_their_own_rate():
    ways = {"weight_decay": 0.5, "weight_decay_form": "multiply"}
    method, plain = adversary.build(learning_rate=0.1, **ways), compiled()
    method.decay = 0.25
    method.compile(keras.optimizers.SGD(0.1))
    for each in (method, plain):
        each.train_step(batch())
    factors = {"network": 1 - 0.5 * 0.1, "critic": 1 - 0.25 * adversary.RATE}
    for name, factor in factors.items():
        pairs = zip(getattr(method, name).weights, getattr(plain, name).weights)
        for got, without in pairs:
            wanted = without * (factor if "kernel" in got.name else 1)
            np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_only_kernels_decay_whatever_their_layer_is_called():
    layer = keras.layers.Dense(2, name="kernels", bias_initializer="ones")
    network = keras.Sequential([keras.Input((3,)), layer])
    group = groups.Group(network.weights, keras.optimizers.SGD(0.1), 0.1, 0.5)
    (decaying,) = group.decaying(tf.constant(0))
    assert decaying[0].shape == (3, 2)
    momentum = Momentum(0.1, l2=0.5, kernels_only=True)
    momentum.build(network.trainable_variables)
    before = layer.bias.numpy()
    zeros = [tf.zeros(each.shape) for each in network.trainable_variables]
    momentum.apply_gradients(zip(zeros, network.trainable_variables))
    np.testing.assert_array_equal(layer.bias, before)


def test_the_average_follows_the_network():
    method = compiled(ema_decay=0.5, ema_warmup=False)
    first, _ = weights(method)
    method.train_step(batch())
    averages = [each.numpy() for each in method.average.averages]
    for average, old, new in zip(averages, first, method.network.get_weights()):
        np.testing.assert_allclose(average, (old + new) / 2, rtol=1e-5, atol=1e-7)
    assert len(averages) == len(first)


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_takes_nearly_the_same_step(precision):
    plain = compiled()
    keras.mixed_precision.set_global_policy(precision)
    half = compiled()
    half.network.set_weights(plain.network.get_weights())
    scaling = precision == "mixed_float16"
    optimizers = [group.optimizer for group in half.groups.values()]
    assert [compat.is_loss_scaling(each) for each in optimizers] == [scaling] * 2
    before = half.network.get_weights()
    logs = [each.train_step(batch()) for each in (half, plain)]
    for name, value in logs[0].items():
        assert float(value) == pytest.approx(float(logs[1][name]), rel=0.02)
    for old, got, expected in zip(
        before, half.network.get_weights(), plain.network.get_weights()
    ):
        assert np.abs(got - expected).max() < 0.2 * np.abs(expected - old).max()
    for got, expected in zip(half.critic.get_weights(), plain.critic.get_weights()):
        np.testing.assert_allclose(got, expected, atol=0.1 * adversary.RATE)


def test_a_group_whose_gradient_overflows_skips_its_step_alone():
    keras.mixed_precision.set_global_policy("mixed_float16")
    method = compiled()
    network, critic = weights(method)
    method.kept = np.inf
    method.train_step(batch())
    assert_others(method.network.get_weights(), network)
    assert_same(method.critic.get_weights(), critic)


def test_resumed_equals_uninterrupted(tmp_path):
    method, fresh = compiled(), compiled(seed=2)
    for step in range(2):
        method.train_step(batch(step))
    Checkpoints(tmp_path, checkpoints.state(method)).save(2)
    assert Checkpoints(tmp_path, checkpoints.state(fresh)).restore() == 2
    assert checkpoints.digest(fresh) == checkpoints.digest(method)
    for each in (method, fresh):
        each.train_step(batch(2))
    assert checkpoints.digest(fresh) == checkpoints.digest(method)


def test_the_digest_tells_weights_and_optimizers_of_all_groups_apart():
    method = compiled()
    method.train_step(batch())
    before = checkpoints.digest(method)
    adam = compat.variables(method.groups["critic"].optimizer)
    assert len(adam) >= 5  # two moments of two weights, and the number of steps
    for variable in map(compat.tf_variable, [*method.critic.weights, *adam]):
        value = variable.numpy()
        variable.assign(value + 1)
        assert checkpoints.digest(method) != before, variable.name
        variable.assign(value)
    assert checkpoints.digest(method) == before


def test_a_saved_method_goes_on_as_it_would_have(tmp_path):
    method = compiled()
    method.train_step(batch())
    method.save(tmp_path / "method.keras")
    loaded = keras.models.load_model(tmp_path / "method.keras")
    assert checkpoints.digest(loaded) == checkpoints.digest(method)
    for each in (method, loaded):
        each.train_step(batch(1))
    assert checkpoints.digest(loaded) == checkpoints.digest(method)
    keras.models.load_model(tmp_path / "method.keras", compile=False)


def test_weights_of_any_group_that_are_not_finite_are_found():
    method = compiled()
    assert training_loop._broken(method) == ""
    weight = method.critic.weights[0]
    weight.assign(np.full(weight.shape, np.inf))
    assert training_loop._broken(method) == "the weights are"


def test_two_replicas_equal_one():
    alone, strategy = compiled(), mirrored_strategy()
    with strategy.scope():
        together = compiled()
    pairs = [[batch(2 * step + r) for r in (0, 1)] for step in range(3)]
    for pair in pairs:
        for each in pair:
            each["step"] = pair[0]["step"]
    run(strategy, together, pairs)
    for first, second in pairs:
        alone.train_step(batches.merge(first, second))
    for one, other in zip(weights(together), weights(alone)):
        for got, expected in zip(one, other):
            np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-5)
    for name, mean in alone.means.items():
        got = float(together.means[name].result())
        assert got == pytest.approx(float(mean.result()), rel=1e-4), name
