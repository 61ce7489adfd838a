from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.algorithms.classification import supervised
from mixdmt_tf.algorithms.parts import optimizers
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.equations import cross_entropy
from mixdmt_tf.errors import UsageError
from tests.algorithms.classification import batches


def linear(**settings):
    """Supervised training of one dense layer, for which a step is easily computed."""
    images = keras.Input(batches.SHAPE)
    logits = keras.layers.Dense(batches.CLASSES)(keras.layers.Flatten()(images))
    network = keras.Model(images, logits)
    task = base.RunFacts(batches.CLASSES, 8, 100)
    return supervised.Supervised(network, supervised.Config(**settings), task)


def gradient_by_hand(method, batch):
    """Of the mean cross-entropy of a dense layer, (kernel, bias)."""
    kernel, bias = method.network.get_weights()
    x = batch["x"].numpy().reshape(len(batch["x"]), -1)
    logits = x @ kernel + bias
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    error = (p - np.eye(batches.CLASSES)[batch["y"].numpy()]) / len(x)
    return x.T @ error, error.sum(0)


def test_one_step_is_optimizer_then_decay_then_average():
    method = linear(
        weight_decay=0.5, learning_rate=0.1, ema_decay=0.9, ema_warmup=False
    )
    method.compile(keras.optimizers.SGD(0.1))
    batch = batches.make(Recipe(), 6)
    kernel, bias = method.network.get_weights()
    gradients = gradient_by_hand(method, batch)
    method.train_step(batch)
    new_kernel = (kernel - 0.1 * gradients[0]) * (1 - 0.5 * 0.1)  # kernels only
    new_bias = bias - 0.1 * gradients[1]
    expected = [new_kernel, new_bias]
    for got, wanted in zip(method.network.get_weights(), expected):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-6)
    averages = [average.numpy() for average in method.average.averages]
    for got, old, new in zip(averages, [kernel, bias], expected):
        np.testing.assert_allclose(got, 0.9 * old + 0.1 * new, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_learning_rate_and_decay_of_a_longer_run_are_smaller(schedule):
    """100 steps at a rate that is meant for 25: a quarter of it."""
    settings = {"learning_rate_schedule": schedule, "weight_decay": 0.5}
    begun = linear().network.get_weights()
    changed = []
    for more in ({"learning_rate": 0.4, "learning_rate_steps": 25}, {}):
        method = linear(**{"learning_rate": 0.1, **settings, **more})
        method.compile()
        method.network.set_weights(begun)
        batch = batches.make(Recipe(), 6)
        for _ in range(3):
            method.train_step(batch)
        changed.append(method.network.get_weights())
    for got, wanted in zip(*changed):
        np.testing.assert_array_equal(got, wanted)


def test_a_smaller_learning_rate_is_announced():
    config = supervised.Config(learning_rate=0.0003, learning_rate_steps=400)
    assert optimizers.note(config, 400) == ""
    assert optimizers.note(config, 1500).startswith("learning rate 8e-05: 0.0003 is ")
    assert optimizers.note(supervised.Config(), 1500) == ""


def test_the_default_optimizer_is_the_papers_adam():
    """20 steps against Adam written out (Kingma and Ba, algorithm 1)."""
    method = linear(weight_decay=0.0)
    method.compile()
    w = [weight.astype(np.float64) for weight in method.network.get_weights()]
    m, v = [0 * x for x in w], [0 * x for x in w]
    for t in range(1, 21):
        batch = batches.make(Recipe(), 6, seed=t)
        method_weights = method.network.get_weights()
        method.network.set_weights(method_weights)
        gradients = gradient_by_hand(method, batch)
        method.train_step(batch)
        for i, g in enumerate(gradients):
            m[i] = 0.9 * m[i] + 0.1 * g
            v[i] = 0.999 * v[i] + 0.001 * g * g
            unbiased = m[i] / (1 - 0.9**t), v[i] / (1 - 0.999**t)
            w[i] = w[i] - 0.002 * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)
    for got, expected in zip(method.network.get_weights(), w):
        np.testing.assert_allclose(got, expected, atol=2e-5)


class Pair(supervised.Supervised):
    """The network learns the classes, its peer the same; a step for each at once."""

    has_peer = True
    reported = ("loss_x", "loss_x_peer")

    def step_losses(self, batch):
        y = tf.one_hot(batch["y"], batches.CLASSES)
        networks = {"loss_x": self.network, "loss_x_peer": self.peer}
        terms = {
            name: base.Term(cross_entropy(y, network(batch["x"])))
            for name, network in networks.items()
        }
        return terms, {}


def test_a_peer_takes_the_same_step_without_an_average():
    """Optimizer and decay of kernels, as the network; with its own gradient."""
    network = linear().network
    config = supervised.Config(weight_decay=0.5, learning_rate=0.1)
    method = Pair(network, config, base.RunFacts(batches.CLASSES, 8, 100))
    method.compile(keras.optimizers.SGD(0.1))
    batch = batches.make(Recipe(), 6)
    before = {"network": network.get_weights(), "peer": method.peer.get_weights()}
    assert (before["network"][0] != before["peer"][0]).all()
    gradients = {"network": gradient_by_hand(method, batch)}
    alone = supervised.Supervised(method.peer, config, method.facts)
    gradients["peer"] = gradient_by_hand(alone, batch)
    method.train_step(batch)
    for name, (kernel, bias) in before.items():
        new_kernel = (kernel - 0.1 * gradients[name][0]) * (1 - 0.5 * 0.1)
        new_bias = bias - 0.1 * gradients[name][1]
        got = getattr(method, name).get_weights()
        np.testing.assert_allclose(got[0], new_kernel, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(got[1], new_bias, rtol=1e-4, atol=1e-6)
    assert [a.shape for a in method.average.averages] == [w.shape for w in got]


def test_without_a_peer_there_is_none():
    method = linear()
    assert method.peer is None and method.loop == "single"
    trained, own = method.trained_weights, method.network.trainable_variables
    assert len(trained) == len(own) and all(a is b for a, b in zip(trained, own))


@pytest.mark.parametrize("step", [0, 9, 100_000])
def test_average_warm_up(step):
    method = linear(ema_decay=0.999, ema_warmup=True, weight_decay=0.0)
    method.compile(keras.optimizers.SGD(0.1))
    old = method.network.get_weights()
    method.train_step(batches.make(Recipe(), 6, step=step))
    decay = min(0.999, (1 + step) / (10 + step))
    for before, (weight, average) in zip(old, method.average.pairs()):
        expected = decay * before + (1 - decay) * weight.numpy()
        np.testing.assert_allclose(average, expected, rtol=1e-4, atol=1e-6)


def test_a_masked_term_equals_the_subset():
    values, mask = tf.constant([1.0, 5.0, 3.0]), tf.constant([1.0, 0.0, 1.0])
    assert float(base.mean_over_replicas(base.Term(values, mask))) == 2.0
    assert float(base.mean_over_replicas(base.Term(values))) == 3.0
    nothing = base.Term(values, tf.zeros(3))
    assert float(base.mean_over_replicas(nothing)) == 0.0


def test_weights_in_the_networks_order():
    """Averages replace trainable weights; running statistics stay the network's."""
    method = batches.build("supervised", network="wide_resnet")
    method.train_step(batches.make(Recipe(), 6))
    averaged = method.average.in_network(method.network)
    names = [weight.name for weight in method.network.weights]
    same = [
        np.array_equal(a, b) for a, b in zip(averaged, method.network.get_weights())
    ]
    statistics = ["moving_" in name for name in names]
    assert same == statistics


def test_model_fit_runs_the_same_step():
    """`fit` over a data set of batches equals calling the step on each."""
    by_hand, by_fit = batches.build("supervised"), batches.build("supervised")
    by_fit.network.set_weights(by_hand.network.get_weights())
    for (_, one), (_, other) in zip(by_hand.average.pairs(), by_fit.average.pairs()):
        other.assign(one)
    steps = [batches.make(Recipe(), 6, step=step, seed=step) for step in range(4)]
    stacked = {name: tf.stack([batch[name] for batch in steps]) for name in steps[0]}
    history = by_fit.fit(tf.data.Dataset.from_tensor_slices(stacked), verbose=0)
    for batch in steps:
        logs = by_hand.train_step(batch)
    for got, expected in zip(batches.weights(by_fit), batches.weights(by_hand)):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)
    assert history.history["loss"][0] == pytest.approx(float(logs["loss"]), rel=1e-4)


def test_settings_out_of_range_are_refused():
    with pytest.raises(UsageError, match="ema_decay"):
        supervised.Config(ema_decay=1.5)
