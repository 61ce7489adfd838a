"""Running statistics that are left alone, and those of several devices."""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.models.layers.normalization import (
    average_statistics,
    frozen_statistics,
    statistics_of_replicas,
    synchronize,
)
from mixdmt_tf.runs.runtime import mirrored_strategy


def images(seed=0):
    return np.random.RandomState(seed).normal(3, 2, [8, 4, 4, 3]).astype(np.float32)


def norm(momentum):
    return keras.layers.BatchNormalization(momentum=momentum)


def network():
    """Two layers of different momentum, one of them in a model within a model."""
    inner = keras.Sequential([keras.Input([4, 4, 3]), norm(0.5)])
    innermost = keras.Sequential([keras.Input([4, 4, 3]), inner])
    return keras.Sequential([keras.Input([4, 4, 3]), norm(0.9), innermost])


def norms(model):
    outer, innermost = model.layers
    return [outer, innermost.layers[0].layers[0]]


def statistics(model):
    return [w.numpy() for each in norms(model) for w in each.non_trainable_weights]


def assert_equal(first, second):
    assert len(first) == len(second) == 4
    for one, other in zip(first, second):
        np.testing.assert_array_equal(one, other)


def assert_all_moved(first, second):
    assert all(np.all(one != other) for one, other in zip(first, second))


def test_batch_statistics_are_used_and_running_ones_stay():
    model = network()
    model(images(1), training=True)  # running statistics that are not 0 and 1
    before = statistics(model)

    with frozen_statistics(model):
        frozen = model(images(), training=True)

    assert_equal(statistics(model), before)
    np.testing.assert_allclose(np.mean(frozen, (0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(np.std(frozen, (0, 1, 2)), 1, atol=1e-2)
    np.testing.assert_array_equal(frozen, model(images(), training=True))
    assert_all_moved(statistics(model), before)


def test_inside_a_graph():
    """What counts is where the pass was traced, not where the graph is called."""
    model = network()

    @tf.function
    def two_passes(x):
        with frozen_statistics(model):
            model(x, training=True)
        return model(x + 1.0, training=True)

    twin = network()
    two_passes(images())
    twin(images() + 1.0, training=True)
    for ours, expected in zip(statistics(model), statistics(twin)):
        np.testing.assert_allclose(ours, expected, rtol=1e-5)

    @tf.function
    def frozen_pass(x):
        with frozen_statistics(model):
            return model(x, training=True)

    before = statistics(model)
    for _ in range(3):
        frozen_pass(images(2))
    assert_equal(statistics(model), before)


def test_gradients_flow_through_the_statistics_of_the_batch():
    """As in every training pass: a shift of all inputs changes nothing."""
    model = network()
    shift, weights = tf.Variable(0.5), images(3)
    gradients = []
    for context in (frozen_statistics(model), contextlib.nullcontext()):
        with tf.GradientTape() as tape, context:
            y = model(images() + shift, training=True)
            loss = tf.reduce_sum(y * weights)
        gradients.append(tape.gradient(loss, [shift, *model.trainable_variables]))

    for frozen, usual in zip(*gradients):
        np.testing.assert_array_equal(frozen, usual)
    assert abs(gradients[0][0]) < 1e-2 < np.abs(gradients[0][1]).max()


def test_momenta_come_back():
    model = network()

    with frozen_statistics(model):
        assert [layer.momentum for layer in norms(model)] == [1.0, 1.0]
    assert [layer.momentum for layer in norms(model)] == [0.9, 0.5]

    before = statistics(model)
    model(images(), training=True)
    assert_all_moved(statistics(model), before)


def test_momenta_come_back_after_an_error():
    model = network()

    with pytest.raises(RuntimeError, match="within"):
        with frozen_statistics(model):
            raise RuntimeError("within")

    assert [layer.momentum for layer in norms(model)] == [0.9, 0.5]


def test_contexts_can_be_nested():
    """The inner one does not thaw the outer one."""
    model = network()

    with frozen_statistics(model):
        with frozen_statistics(model):
            pass
        before = statistics(model)
        model(images(), training=True)
        assert_equal(statistics(model), before)
    assert [layer.momentum for layer in norms(model)] == [0.9, 0.5]


def test_other_networks_are_not_frozen():
    frozen, free = network(), network()
    before = statistics(free)

    with frozen_statistics(frozen):
        free(images(), training=True)

    assert_all_moved(statistics(free), before)


def test_inference_is_not_touched():
    """Running statistics are used there, in the context and out of it."""
    model = network()
    expected = model(images(), training=False)

    with frozen_statistics(model):
        np.testing.assert_array_equal(model(images(), training=False), expected)


def test_a_network_without_batch_normalization():
    """There is nothing to freeze."""
    model = keras.Sequential([keras.Input([3]), keras.layers.Dense(2)])

    with frozen_statistics(model):
        assert model(np.ones([1, 3]), training=True).shape == [1, 2]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_under_mixed_precision(policy):
    keras.mixed_precision.set_global_policy(policy)
    model = network()
    model(images(1), training=True)
    before = statistics(model)

    with frozen_statistics(model):
        y = model(images(), training=True)

    assert y.dtype == keras.mixed_precision.global_policy().compute_dtype
    assert_equal(statistics(model), before)


# --- Several devices ---


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


def test_averaged_statistics_are_the_same_on_all_devices():
    with mirrored_strategy().scope(), statistics_of_replicas():
        model = network()
    variables = [compat.tf_variable(w) for w in model.non_trainable_weights]
    on_two(model, images(), lambda: average_statistics(variables))
    halves = []
    for half in (images()[:4], images()[4:]):
        alone = network()
        alone(half, training=True)
        halves.append(statistics(alone))
    for variable, one, other in zip(variables, *halves):
        for copy in variable.values:
            np.testing.assert_allclose(copy, (one + other) / 2, rtol=1e-5)
