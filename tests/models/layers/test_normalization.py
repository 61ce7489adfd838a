"""Training-mode passes that leave the running statistics alone."""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.models.layers.normalization import (
    average_statistics,
    batch_normalization,
    frozen_statistics,
    unfuse_inference,
)
from mixdmt_tf.runs.runtime import mirrored_strategy


def images(seed=0):
    return np.random.RandomState(seed).normal(3, 2, [8, 4, 4, 3]).astype(np.float32)


def norm(momentum):
    return batch_normalization()(momentum=momentum)


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


def running_variance(x, momentum=0.75, before=1.0, ddof=1):
    """What PyTorch and TensorFlow 1 keep: unbiased, of all but the last axis."""
    values = x.reshape(-1, x.shape[-1]).astype(np.float64)
    variance = values.var(0, ddof=ddof) if len(values) > 1 else 0.0
    return momentum * before + (1 - momentum) * variance


@pytest.mark.parametrize("shape", [(4, 1, 1, 3), (2, 3, 2, 5), (1, 1, 1, 2)])
def test_the_running_variance_is_unbiased(shape):
    x = np.random.default_rng(0).normal(3, 2, shape).astype(np.float32)
    layer = norm(0.75)
    layer(x, training=False)
    np.testing.assert_array_equal(layer.moving_variance, np.ones(shape[-1]))
    layer(x, training=True)
    expected = running_variance(x)
    np.testing.assert_allclose(layer.moving_variance, expected, rtol=1e-5)
    other = x[:, :, :, ::-1] - 1
    layer(other, training=True)
    expected = running_variance(other, before=expected)
    np.testing.assert_allclose(layer.moving_variance, expected, rtol=1e-5)
    layer.trainable = False
    layer(x, training=True)
    np.testing.assert_allclose(layer.moving_variance, expected, rtol=1e-5)


@pytest.mark.parametrize(
    "kind", [batch_normalization(), keras.layers.BatchNormalization]
)
def test_replicas_keep_the_mean_of_their_variances(kind):
    """Also those of a user's own network, of stock layers."""
    strategy, parts = mirrored_strategy(), (images(0), 2 * images(1))
    with strategy.scope():
        layer = kind(momentum=0.75)
        model = keras.Sequential([keras.Input([4, 4, 3]), layer])
    values = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(parts[context.replica_id_in_sync_group])
    )

    def pass_through(x):
        model(x, training=True)
        average_statistics(model)

    tf.function(lambda: strategy.run(pass_through, args=(values,)))()

    biased = compat.KERAS_3 and kind is keras.layers.BatchNormalization
    each = [running_variance(x, ddof=0 if biased else 1) for x in parts]
    found = compat.tf_variable(layer.moving_variance)
    held = strategy.experimental_local_results(found) if compat.KERAS_3 else [found]
    for variance in held:
        np.testing.assert_allclose(variance.numpy(), np.mean(each, 0), rtol=1e-5)


def test_what_is_saved_for_others_is_a_stock_layer():
    assert batch_normalization(portable=True) is keras.layers.BatchNormalization
    layer = batch_normalization()(momentum=0.5, epsilon=0.1)
    copy = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(copy) is type(layer) and copy.get_config() == layer.get_config()


@pytest.mark.skipif(compat.KERAS_3, reason="its layers are not fused")
@pytest.mark.parametrize("every", [False, True])
def test_gradients_in_inference_mode_are_not_those_of_the_fused_operation(every):
    """On GPUs they are not deterministic, and TensorFlow raises an error."""
    model = network()
    norms(model)[0].trainable = False
    before = model(images(), training=False)

    def fused():
        @tf.function
        def gradient(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = model(x, training=every is False)
            return tape.gradient(y, x)

        x = tf.TensorSpec([8, 4, 4, 3])
        operations = gradient.get_concrete_function(x).graph.get_operations()
        of_norms = [each for each in operations if "FusedBatchNormGrad" in each.type]
        return [each.get_attr("is_training") for each in of_norms]

    assert False in fused()
    unfuse_inference(model, every)
    assert False not in fused()
    np.testing.assert_allclose(model(images(), training=False), before, atol=1e-5)
