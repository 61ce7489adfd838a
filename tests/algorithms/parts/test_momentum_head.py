"""A head that learns faster than the rest of the network, as DeepLab-v2's does."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.algorithms.parts.momentum import Momentum, learning_rate
from mixdmt_tf.algorithms.parts.scaled_gradients import apply_scaled_gradients
from mixdmt_tf.runs.runtime import mirrored_strategy
from tests.oracles import momentum as oracle
from tests.oracles.schedules import polynomial_to_zero

STEPS = 20
HEAD = ("aspp_", "classes")


def network():
    """Four layers of known names; the two in the middle are no head."""
    x = images = keras.Input([4])
    for name in ("aspp_0", "body", "my_classes", "classes"):
        x = keras.layers.Dense(3, name=name)(x)
    model = keras.Model(images, x)
    rng = np.random.default_rng(2)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def values(model):
    """The weights by layer and name, as in the paths of Keras 3."""
    names = [
        f"{layer.name}/{name}" for layer in model.layers[1:] for name in ("kernel", "b")
    ]
    return dict(zip(names, model.get_weights()))


def random_gradients(model, steps=STEPS):
    rng = np.random.default_rng(3)
    shapes = {name: value.shape for name, value in values(model).items()}
    return [{n: rng.normal(size=s) for n, s in shapes.items()} for _ in range(steps)]


def apply(optimizer, model, gradient):
    tensors = [tf.cast(value, tf.float32) for value in gradient.values()]
    optimizer.apply_gradients(zip(tensors, model.trainable_variables))


def faster(names, head=("aspp_0", "classes")):
    return [name for name in names if name.split("/")[0] in head]


def expectation(first, gradients, rates, head_rate, decayed, nesterov=True):
    """Two runs of the oracle, one for each rate, and its weights and velocities."""
    weights, velocities = {}, {}
    for factor, names in (
        (head_rate, faster(first)),
        (1, [name for name in first if name not in faster(first)]),
    ):
        some, slots = oracle.descend(
            {name: first[name] for name in names},
            gradients,
            factor * rates,
            0.9,
            nesterov,
            0.05,
            [name for name in names if decayed in name],
        )
        weights.update(some)
        velocities.update(slots)
    return weights, velocities


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize("kernels_only", [False, True])
@pytest.mark.parametrize("nesterov", [False, True])
def test_the_head_takes_longer_steps(nesterov, kernels_only, traced):
    """20 steps of a run of 25, the rate falling at each; velocities are as ever."""
    model = network()
    first, gradients = values(model), random_gradients(model)
    optimizer = Momentum(
        learning_rate(0.03, "poly", 25),
        nesterov=nesterov,
        l2=0.05,
        kernels_only=kernels_only,
        head=HEAD,
        head_rate=10.0,
    )
    rates = 0.03 * polynomial_to_zero(np.arange(STEPS), 25)
    decayed = "kernel" if kernels_only else ""
    expected, velocities = expectation(first, gradients, rates, 10, decayed, nesterov)
    optimizer.build(model.trainable_variables)

    def step(gradient):
        apply(optimizer, model, gradient)

    step = tf.function(step) if traced else step
    for gradient in gradients:
        step({name: tf.constant(g, tf.float32) for name, g in gradient.items()})
    for name, value in values(model).items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-5)
    for slot, name in zip(optimizer.momentums, first):
        np.testing.assert_allclose(slot, velocities[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "head, fast",
    [
        ((), ()),
        (("aspp_0", "classes"), ("aspp_0", "classes")),
        (("aspp", "nothing"), ("aspp_0",)),
        (["body", "my"], ("body", "my_classes")),
        (("spp_0",), ()),
    ],
)
def test_names_and_what_they_begin_with(head, fast):
    """Of single layers: 'classes' is not within 'my_classes'; a list will do."""
    model = network()
    first = values(model)
    ones = {name: np.ones(value.shape) for name, value in first.items()}
    apply(Momentum(0.01, 0.0, head=head, head_rate=3.0), model, ones)
    for name, value in values(model).items():
        step = 0.03 if name in faster(first, fast) else 0.01
        np.testing.assert_allclose(first[name] - value, step, rtol=1e-4)


class Block(keras.layers.Layer):
    """Two layers in one, whose variables have paths of three components."""

    def __init__(self):
        super().__init__(name="block")
        self.both = [keras.layers.Dense(3, name=name) for name in ("body", "aspp_1")]

    def call(self, x):
        for layer in self.both:
            x = layer(x)
        return x


def test_a_layer_within_a_layer():
    """Its name may be any component of the path."""
    block = Block()
    block(tf.zeros([1, 4]))
    first = block.get_weights()
    optimizer = Momentum(0.01, 0.0, head=HEAD, head_rate=3.0)
    ones = [tf.ones(value.shape) for value in first]
    optimizer.apply_gradients(zip(ones, block.trainable_variables))
    for before, value, step in zip(first, block.get_weights(), [0.01] * 2 + [0.03] * 2):
        np.testing.assert_allclose(before - value, step, rtol=1e-4)


def test_float16_unscales_the_head_alike():
    """The optimizer is within Keras's loss scaling there."""
    model = network()
    first, gradients = values(model), random_gradients(model, 5)
    inner = Momentum(0.03, nesterov=True, l2=0.05, head=HEAD, head_rate=10.0)
    if compat.KERAS_3:
        optimizer = keras.optimizers.LossScaleOptimizer(inner)
    else:
        optimizer = keras.mixed_precision.LossScaleOptimizer(inner)
    optimizer.build(model.trainable_variables)
    for gradient in gradients:
        tensors = [tf.constant(g, tf.float32) for g in gradient.values()]
        scaled = [compat.scale_loss(optimizer, g) for g in tensors]
        apply_scaled_gradients(optimizer, scaled, model.trainable_variables)
    expected, _ = expectation(first, gradients, np.full(5, 0.03), 10, "")
    for name, value in values(model).items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-3, atol=1e-4)


def test_replicas_know_the_head():
    """Mirrored variables have the names of their copies."""
    strategy = mirrored_strategy()
    with strategy.scope():
        model = network()
        optimizer = Momentum(0.03, nesterov=True, l2=0.05, head=HEAD, head_rate=10.0)
        optimizer.build(model.trainable_variables)
    first, gradients = values(model), random_gradients(model, 5)

    def half_a_step(gradient):  # gradients are summed over the two replicas
        apply(optimizer, model, {name: g / 2 for name, g in gradient.items()})

    @tf.function
    def step(gradient):
        strategy.run(half_a_step, args=(gradient,))

    for gradient in gradients:
        step({name: tf.constant(g, tf.float32) for name, g in gradient.items()})
    expected, _ = expectation(first, gradients, np.full(5, 0.03), 10, "")
    for name, value in values(model).items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-5)


def test_resuming_keeps_the_head(tmp_path):
    """It is a setting and in no checkpoint, not even as an empty entry."""

    def start():
        optimizer = Momentum(0.03, head=HEAD, head_rate=10.0)
        model = network()
        optimizer.build(model.trainable_variables)
        return model, optimizer, tf.train.Checkpoint(model=model, optimizer=optimizer)

    model, optimizer, state = start()
    gradients = random_gradients(model, 4)
    for gradient in gradients[:2]:
        apply(optimizer, model, gradient)
    path = state.write(str(tmp_path / "state"))
    for gradient in gradients[2:]:
        apply(optimizer, model, gradient)
    assert not [name for name, _ in tf.train.list_variables(path) if "head" in name]

    resumed, optimizer, state = start()
    state.read(path).assert_existing_objects_matched().expect_partial()
    for gradient in gradients[2:]:
        apply(optimizer, resumed, gradient)
    for got, expected in zip(resumed.get_weights(), model.get_weights()):
        np.testing.assert_array_equal(got, expected)


def test_the_head_survives_its_configuration():
    optimizer = Momentum(learning_rate(0.1, "poly", 9), head=HEAD, head_rate=10.0)
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert copy.get_config() == optimizer.get_config()
    assert (copy.rates.head, copy.rates.head_rate) == (HEAD, 10.0)
    model, other = network(), network()
    ones = {name: np.ones(value.shape) for name, value in values(model).items()}
    apply(optimizer, model, ones)
    apply(copy, other, ones)
    for got, expected in zip(other.get_weights(), model.get_weights()):
        np.testing.assert_array_equal(got, expected)
