"""Batch normalization on two devices."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.models.layers.normalization import frozen_statistics
from mixdmt_tf.models.layers.replica_statistics import (
    average_of_replicas,
    moments_of_all,
    statistics_of_replicas,
    synchronize,
)
from mixdmt_tf.runs.runtime import mirrored_strategy
from tests.models.layers.test_normalization import images, network, norms, statistics


def on_two(model, x, then=lambda: None):
    """A training pass in which each of two devices has half of the rows."""

    def half():
        index = tf.distribute.get_replica_context().replica_id_in_sync_group
        y = model(x[4 * index : 4 * index + 4], training=True)
        then()
        return y

    strategy = mirrored_strategy()
    return np.concatenate(strategy.experimental_local_results(strategy.run(half)))


def test_synchronized_devices_normalize_as_one():
    with mirrored_strategy().scope():
        together, apart = network(), network()
    alone = network()
    synchronize(together)
    synchronize(alone)  # or its running variance is that of n - 1 instead of n rows
    expected = alone(images(), training=True)
    np.testing.assert_allclose(on_two(together, images()), expected, atol=1e-5)
    assert np.abs(on_two(apart, images()) - expected).max() > 0.01
    for got, wanted in zip(statistics(together), statistics(alone)):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-6)


def test_digits_of_the_variance_do_not_drown_in_the_mean():
    """Those of float32, of numbers a thousand times as large as their deviation."""
    with mirrored_strategy().scope():
        model = network()
    synchronize(model)
    x = images() + 2000
    exact = x.astype(np.float64)
    for _ in model.layers:  # the second layer finds the first one's outputs normalized
        exact = exact - exact.mean((0, 1, 2))
        exact = exact / np.sqrt(exact.var((0, 1, 2)) + 1e-3)
    np.testing.assert_allclose(on_two(model, x), exact, atol=1e-4)


def test_moments_can_be_differentiated_twice():
    x = tf.constant(images(), tf.float64)

    def second(moments):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                mean, variance = moments(x)
                loss = tf.reduce_sum(mean**3 * variance)
            first = tape.gradient(loss, x)
            cubes = tf.reduce_sum(first**3)
        return mean, variance, first, outer.gradient(cubes, x)

    def plain(x):
        mean = tf.reduce_mean(x, (0, 1, 2))
        return mean, tf.reduce_mean((x - mean) ** 2, (0, 1, 2))

    expected = second(plain)
    for got, wanted in zip(second(lambda x: moments_of_all(x, (0, 1, 2))), expected):
        np.testing.assert_allclose(got, wanted, rtol=1e-9)


@pytest.mark.skipif(
    compat.KERAS_3, reason="Keras 3 has other variables, for average_statistics"
)
def test_averaged_statistics_are_the_same_on_all_devices():
    with mirrored_strategy().scope(), statistics_of_replicas():
        model = network()
    variables = [compat.tf_variable(w) for w in model.non_trainable_weights]
    on_two(model, images(), lambda: average_of_replicas(variables))
    halves = []
    for half in (images()[:4], images()[4:]):
        alone = network()
        alone(half, training=True)
        halves.append(statistics(alone))
    for variable, one, other in zip(variables, *halves):
        for copy in variable.values:
            np.testing.assert_allclose(copy, (one + other) / 2, rtol=1e-5)


def test_frozen_on_one_device_while_another_is_not():
    """Devices take turns in the middle of a synchronized pass."""
    with mirrored_strategy().scope(), statistics_of_replicas():
        together = network()
    alone = network()

    def two_passes(model, x):
        with frozen_statistics(model):
            model(x + 1.0, training=True)
        model(x, training=True)

    def half():
        index = tf.distribute.get_replica_context().replica_id_in_sync_group
        two_passes(together, tf.constant(images())[4 * index : 4 * index + 4])

    synchronize(together)
    synchronize(alone)
    two_passes(alone, images())
    tf.function(lambda: mirrored_strategy().run(half), autograph=False)()
    for got, wanted in zip(statistics(together), statistics(alone)):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
    assert [layer.momentum for layer in norms(together)] == [0.9, 0.5]
