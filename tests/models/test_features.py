"""Which layers of a network images are compared by."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mixdmt_tf import models
from mixdmt_tf.errors import UsageError
from mixdmt_tf.models import features


def network(size=None):
    settings = models.network("wide_resnet")(depth=10, width=1, stages=1)
    return settings.build_at(size, (8, 8, 1), 4)


def images():
    return np.random.default_rng(0).uniform(-1, 1, (3, 8, 8, 1)).astype(np.float32)


@pytest.mark.parametrize("size", [None, 16])
def test_maps_of_a_named_layer_are_averaged_over_their_pixels(size):
    made = network(size)
    inner = made.layers[-1] if size else made
    maps = keras.Model(inner.inputs, inner.layers[3].output)
    x = images() if size is None else made.layers[1](images())
    expected = np.mean(maps(x), axis=(1, 2))
    found = features.extractor(made, "leaky_re_lu")(images())
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    rows, logits = features.with_features(made, "leaky_re_lu")(images())
    np.testing.assert_allclose(rows, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(logits, made(images()), rtol=1e-5, atol=1e-6)


def test_the_layer_before_the_last_is_what_there_is_without_a_name():
    made = network()
    named = features.extractor(made, "global_average_pooling2d")(images())
    np.testing.assert_array_equal(named, features.extractor(made)(images()))


def test_a_second_network_has_the_names_of_the_first():
    one, other = network(), network()
    other.set_weights(one.get_weights())
    rows = [features.extractor(each, "conv2d_1")(images()) for each in (one, other)]
    np.testing.assert_array_equal(*rows)


def test_names_that_a_network_chose_are_kept():
    x = keras.Input((4,))
    first = keras.layers.Dense(2, name="dense_7")(x)
    second = keras.layers.Dense(3, name="wide_3")(first)
    made = keras.Model(x, keras.layers.Dense(2, name="logits")(second))
    assert features.extractor(made, "wide_3").output_shape == (None, 3)
    assert features.extractor(made, "dense").output_shape == (None, 2)


def test_layers_come_in_their_order_also_within_others():
    names = ["one", "two", "three"]
    dense = [keras.layers.Dense(1, name=name) for name in names]
    inner = keras.Sequential([keras.Input((1,)), *dense], name="inner")
    last = keras.layers.Dense(1, name="last")
    outer = keras.Sequential([keras.Input((1,)), inner, last])

    found = [layer.name for layer in features.layers_in(outer) if layer.weights]
    assert found == ["inner", *names, "last"]


def test_the_head_of_a_network_in_another_one_is_its_last_dense_layer():
    pool, hidden = keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1)
    last = keras.layers.Dense(4, name="last")
    inner = keras.Sequential([keras.Input((8, 8, 1)), pool, hidden, last])
    made = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Rescaling(2), inner])
    assert features.head(made) is last
    rows, logits = features.with_features(made)(images())
    assert rows.shape == (3, 1)
    np.testing.assert_allclose(logits, made(images()), rtol=1e-5)


@pytest.mark.parametrize("before", [None, [], [keras.layers.ReLU()]])
def test_logits_beside_features_are_those_of_the_network(before):
    """Whatever it has behind its last dense layer, such as a scale and a cast."""
    keras.mixed_precision.set_global_policy("mixed_float16")
    pool, dense = keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(4)
    ending = keras.layers.Rescaling(0.1, dtype="float32")
    made = keras.Sequential([keras.Input((8, 8, 1)), pool, dense, ending])
    if before is not None:  # it is within another one
        made = keras.Sequential([keras.Input((8, 8, 1)), *before, made])
    rows, logits = features.with_features(made)(images())
    assert rows.shape == (3, 1) and logits.dtype == "float32"
    np.testing.assert_allclose(logits, made(images()), rtol=1e-3, atol=1e-5)


def test_an_unknown_layer_is_refused_with_the_names_there_are():
    with pytest.raises(UsageError) as caught:
        features.extractor(network(16), "conv9")
    message = str(caught.value)
    assert message.startswith("--ood_layer=conv9: the network wide_resnet has no layer")
    assert "Expected one of conv2d, batch_normalization, " in message
    assert "image" not in message.split("Expected")[1]  # which is no layer of features
