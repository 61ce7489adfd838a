"""Dropout without a generator, in place of Keras's own."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.models.keras_application import KerasApplication
from mixdmt_tf.models.layers.dropout import Dropout, without_generators
from mixdmt_tf.runs import random_layers

X = np.random.default_rng(0).normal(size=(64, 3, 3, 8)).astype(np.float32)


def dropped(x, **settings):
    """The factor that each value was multiplied by."""
    return (Dropout(0.25, 0, **settings)(tf.constant(x), training=True) / x).numpy()


def test_values_are_dropped_at_the_rate_and_the_others_scaled():
    factors = dropped(X)
    kept = np.isclose(factors, 4 / 3, rtol=1e-5)
    assert (kept | (factors == 0)).all()
    assert kept.mean() == pytest.approx(0.75, abs=0.03)
    np.testing.assert_array_equal(Dropout(0.25, 0)(X, training=False), X)


def test_all_values_of_an_image_at_once():
    factors = dropped(X, rows=True).reshape(64, -1)
    assert np.ptp(factors, axis=1).max() < 1e-5
    assert 0.6 < (factors[:, 0] > 0).mean() < 0.9


def test_the_same_batch_gives_the_same_mask_and_no_other():
    np.testing.assert_array_equal(dropped(X), dropped(X))
    other = X.copy()
    other[0, 0, 0, 0] += 1e-6
    assert ((dropped(X) > 0) != (dropped(other) > 0)).any()
    places = [Dropout(0.25, place)(X, training=True).numpy() for place in (0, 1)]
    assert ((places[0] == 0) != (places[1] == 0)).any()


def test_layers_of_keras_are_replaced():
    images = keras.Input((3, 3, 8))
    x = keras.layers.Dropout(0.5, name="first")(images)
    x = keras.layers.Dropout(0.0, name="none")(x)
    x = keras.layers.Dropout(0.5, noise_shape=(None, 1, 1, 1), name="second")(x)
    network = without_generators(keras.Model(images, x))
    first, second = network.get_layer("first"), network.get_layer("second")
    assert (first.rate, first.place, first.rows) == (0.5, 0, False)
    assert (second.rate, second.place, second.rows) == (0.5, 1, True)
    again = keras.models.clone_model(network)
    for training in (False, True):
        one, other = (each(X, training=training) for each in (network, again))
        np.testing.assert_array_equal(one, other)
    plain = keras.Model(images, images + 0.0)
    assert without_generators(plain) is plain


def test_applications_draw_from_no_generator():
    """EfficientNets drop whole blocks of layers while they train."""
    config = KerasApplication(application="EfficientNetB0", pretrained="none")
    network = config.build((32, 32, 3), 10)
    assert random_layers.note(network) == ""
    assert any(isinstance(each, Dropout) for each in network.layers)
    portable = config.build((32, 32, 3), 10, portable=True)
    portable.set_weights(network.get_weights())
    images = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)
    one, other = (each(images, training=False) for each in (network, portable))
    np.testing.assert_array_equal(one, other)
    runs = []
    for _ in range(2):
        copy = keras.models.clone_model(network)
        copy.set_weights(network.get_weights())
        runs.append(copy(images, training=True).numpy())
    np.testing.assert_array_equal(*runs)
