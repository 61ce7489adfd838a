from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.algorithms.parts.momentum import Momentum, ScaledRate, learning_rate
from mixdmt_tf.algorithms.parts.scaled_gradients import apply_scaled_gradients
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.runs import checkpoints
from mixdmt_tf.runs.runtime import mirrored_strategy
from tests.algorithms.classification import batches
from tests.oracles import momentum as oracle
from tests.oracles.schedules import cosine_7_16, cosine_to_zero, polynomial_to_zero

STEPS = 20
DECAYED = {"none": (), "all": ("kernel", "bias"), "kernels": ("kernel",)}


def layer():
    """A layer of two variables, with weights that are nothing special."""
    dense = keras.layers.Dense(3)
    dense.build((None, 4))
    rng = np.random.default_rng(2)
    dense.set_weights([rng.normal(size=w.shape) for w in dense.get_weights()])
    return dense


def values(dense):
    return dict(zip(("kernel", "bias"), dense.get_weights()))


def random_gradients(steps=STEPS):
    rng = np.random.default_rng(3)
    return [
        {"kernel": rng.normal(size=(4, 3)), "bias": rng.normal(size=3)}
        for _ in range(steps)
    ]


def apply(optimizer, dense, gradient):
    tensors = [tf.constant(gradient[name], tf.float32) for name in ("kernel", "bias")]
    optimizer.apply_gradients(zip(tensors, dense.trainable_variables))


@pytest.mark.parametrize("decay", DECAYED)
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize(
    ("schedule", "factor"),
    [
        ("cosine_7_16", cosine_7_16),
        ("cosine", cosine_to_zero),
        ("poly", polynomial_to_zero),
    ],
)
def test_it_follows_the_equations(decay, nesterov, schedule, factor):
    """20 steps of a run of 25, the rate falling at each."""
    dense, gradients = layer(), random_gradients()
    optimizer = Momentum(
        learning_rate(0.3, schedule, 25),
        nesterov=nesterov,
        l2=0.05 * (decay != "none"),
        kernels_only=decay == "kernels",
    )
    rates = 0.3 * factor(np.arange(STEPS), 25)
    expected, velocities = oracle.descend(
        values(dense), gradients, rates, 0.9, nesterov, 0.05, DECAYED[decay]
    )
    for gradient in gradients:
        apply(optimizer, dense, gradient)
    for name, value in values(dense).items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-5)
    for slot, velocity in zip(optimizer.momentums, velocities.values()):
        np.testing.assert_allclose(slot, velocity, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("nesterov", [False, True])
def test_it_is_the_optimizer_of_tensorflow_1(nesterov):
    """With a rate that jumps about."""
    rates = np.random.default_rng(4).uniform(0.01, 0.3, STEPS)
    ours, theirs = layer(), layer()
    rate = tf.Variable(0.0)
    released = tf.compat.v1.train.MomentumOptimizer(
        lambda: rate, 0.9, use_nesterov=nesterov
    )
    optimizer = Momentum(0.1, nesterov=nesterov)
    for value, gradient in zip(rates, random_gradients()):
        optimizer.learning_rate = value
        rate.assign(value)
        apply(optimizer, ours, gradient)
        variables = map(compat.tf_variable, theirs.trainable_variables)
        released.apply_gradients(
            [
                (tf.constant(g, tf.float32), v)
                for g, v in zip(gradient.values(), variables)
            ]
        )
    for got, expected in zip(ours.get_weights(), theirs.get_weights()):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("schedule", "same"), [("constant", True), ("cosine", False)])
def test_keras_differs_once_the_rate_changes(schedule, same):
    """Otherwise there would be no reason for a class of our own."""
    ours, theirs = layer(), layer()
    rate = learning_rate(0.1, schedule, STEPS)
    pair = [
        (Momentum(rate, nesterov=True), ours),
        (keras.optimizers.SGD(rate, 0.9, nesterov=True), theirs),
    ]
    for gradient in random_gradients():
        for optimizer, dense in pair:
            apply(optimizer, dense, gradient)
    for got, other in zip(ours.get_weights(), theirs.get_weights()):
        assert np.allclose(got, other, atol=1e-4) == same


def test_no_momentum_is_gradient_descent():
    dense = layer()
    before, (gradient,) = values(dense), random_gradients(1)
    apply(Momentum(0.5, momentum=0.0), dense, gradient)
    for name, value in values(dense).items():
        np.testing.assert_allclose(
            value, before[name] - 0.5 * gradient[name], rtol=1e-5
        )


@pytest.mark.parametrize("traced", [False, True])
def test_float16_decays_by_unscaled_gradients_and_skips_whole_steps(traced):
    """Step 3 overflows: it moves neither weights nor velocities."""
    keras.mixed_precision.set_global_policy("mixed_float16")
    method = batches.build("supervised")
    # A constant rate: stacks count a skipped step differently.
    method.compile(Momentum(0.1, nesterov=True, l2=0.05))
    assert compat.is_loss_scaling(method.optimizer)
    variables = method.network.trainable_variables
    method.optimizer.build(variables)
    names = [str(i) for i in range(len(variables))]
    first = dict(zip(names, (w.numpy() for w in variables)))
    rng = np.random.default_rng(5)
    steps = [{n: rng.normal(size=w.shape) for n, w in first.items()} for _ in range(6)]

    def apply_scaled(gradients):
        scaled = [
            compat.scale_loss(method.optimizer, gradient) for gradient in gradients
        ]
        apply_scaled_gradients(method.optimizer, scaled, variables)

    step = tf.function(apply_scaled) if traced else apply_scaled
    for i, gradients in enumerate(steps):
        tensors = [tf.constant(gradients[n], tf.float32) for n in names]
        if i == 3:
            tensors[1] = tensors[1] * np.inf
        step(tensors)
    del steps[3]
    expected, velocities = oracle.descend(
        first, steps, [0.1] * 5, 0.9, True, 0.05, names
    )
    for n, w in zip(names, variables):
        np.testing.assert_allclose(w, expected[n], rtol=1e-3, atol=1e-4)
    inner = method.optimizer.inner_optimizer
    for slot, n in zip(inner.momentums, names):
        np.testing.assert_allclose(slot, velocities[n], rtol=1e-3, atol=1e-4)


def scheduled_method():
    method = batches.build("supervised", network="wide_resnet", weight_decay=0.0)
    rate = learning_rate(0.05, "cosine_7_16", 10)
    method.compile(Momentum(rate, nesterov=True, l2=0.01, kernels_only=True))
    return method


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_resuming_from_a_checkpoint_changes_nothing(precision, tmp_path):
    keras.mixed_precision.set_global_policy(precision)
    data = [batches.make(Recipe(), 6, step=s, seed=s) for s in range(6)]
    whole = scheduled_method()
    state = checkpoints.state(whole)
    for batch in data[:3]:
        whole.train_step(batch)
    path = state.write(str(tmp_path / "state"))
    for batch in data[3:]:
        whole.train_step(batch)

    resumed = scheduled_method()
    status = checkpoints.state(resumed).read(path)
    status.assert_existing_objects_matched().expect_partial()
    for batch in data[3:]:
        resumed.train_step(batch)
    assert checkpoints.digest(resumed) == checkpoints.digest(whole)
    rates = [
        float(tf.convert_to_tensor(m.optimizer.learning_rate)) for m in (whole, resumed)
    ]
    assert rates[0] == rates[1] < 0.05


@pytest.mark.parametrize("kernels_only", [False, True])
def test_two_replicas_equal_one(kernels_only):
    """Decay is added once, not once for each replica."""

    def make():
        method = batches.build("supervised", weight_decay=0.0)
        rate = learning_rate(0.3, "cosine", 6)
        method.compile(Momentum(rate, nesterov=True, l2=0.1, kernels_only=kernels_only))
        return method

    alone, strategy = make(), mirrored_strategy()
    with strategy.scope():
        together = make()
    together.network.set_weights(alone.network.get_weights())

    @tf.function
    def step(batch):
        strategy.run(together.train_step, args=(batch,))

    for s in range(5):
        pair = [batches.make(Recipe(), 4, step=s, seed=2 * s + r) for r in (0, 1)]
        step(
            {
                name: strategy.experimental_distribute_values_from_function(
                    lambda context, name=name, pair=pair: pair[
                        context.replica_id_in_sync_group
                    ][name]
                )
                for name in pair[0]
            }
        )
        alone.train_step(batches.merge(*pair))
    iterations = compat.tf_variable(together.optimizer.iterations)
    assert int(iterations.numpy()) == 5
    for got, expected in zip(together.network.weights, alone.network.weights):
        for replica in compat.tf_variable(got).values:
            np.testing.assert_allclose(replica, expected, rtol=1e-4, atol=1e-6)


def test_the_logged_rate_is_a_number():
    """As the command line's loop asks for it, with and without loss scaling."""
    for precision in ("float32", "mixed_float16"):
        keras.mixed_precision.set_global_policy(precision)
        method = scheduled_method()
        checkpoints.state(method)
        rate = float(tf.convert_to_tensor(method.optimizer.learning_rate))
        assert rate == pytest.approx(0.05)


def test_an_optimizer_survives_its_configuration():
    optimizer = Momentum(learning_rate(0.1, "cosine", 9), 0.8, True, 0.02, True)
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(copy, Momentum) and copy.get_config() == optimizer.get_config()
    assert (copy.momentum, copy.nesterov, copy.l2) == (0.8, True, 0.02)
    assert copy.kernels_only


def test_schedules():
    assert learning_rate(0.03) == 0.03
    rate = learning_rate(0.03, "cosine_7_16", 100)
    assert isinstance(rate, ScaledRate)
    np.testing.assert_allclose(rate(50), 0.03 * np.cos(7 * np.pi / 32), rtol=1e-6)
    rate = learning_rate(0.03, "poly", 100)
    np.testing.assert_allclose(rate(75), 0.03 * 0.25**0.9, rtol=1e-6)
    with pytest.raises(ValueError, match=r"'cosine', 'poly'\], got 'step'"):
        learning_rate(0.1, "step", 100)
    with pytest.raises(ValueError, match="needs the total number of steps"):
        learning_rate(0.1, "cosine")
