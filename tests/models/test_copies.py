"""Copies of networks: teachers, second networks, stages of rounds."""

from __future__ import annotations

import keras
import numpy as np

from mixdmt_tf.models.copies import copied
from mixdmt_tf.runs import memory


def network():
    """Pixels that are normalized, a network within that is frozen, new layers."""
    pixels = np.random.RandomState(0).uniform(0, 255, (9, 6, 6, 1)).astype(np.float32)
    normalization = keras.layers.Normalization(axis=-1, name="pixels")
    normalization.adapt(pixels)
    inner = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(2, 3, name="convolution"),
            keras.layers.BatchNormalization(name="statistics"),
        ],
        name="encoder",
    )
    inner.get_layer("statistics").set_weights([np.array([3.0, 5.0])] * 4)
    inner.trainable = False
    images = keras.Input((6, 6, 1))
    x = keras.layers.Flatten()(inner(normalization(images)))
    x = keras.layers.BatchNormalization(name="trained")(x)
    return keras.Model(images, keras.layers.Dense(3, name="logits")(x)), pixels


def test_what_is_never_trained_is_the_same_and_all_else_new():
    one, pixels = network()
    other = copied(one)
    features = [
        np.asarray(each.get_layer("encoder")(each.get_layer("pixels")(pixels)))
        for each in (one, other)
    ]
    np.testing.assert_array_equal(*features)
    assert np.ptp(features[0]) > 1
    kernels = [each.get_layer("logits").get_weights()[0] for each in (one, other)]
    assert (kernels[0] != kernels[1]).all()
    assert not {id(w) for w in one.weights} & {id(w) for w in other.weights}
    assert len(one.trainable_weights) == len(other.trainable_weights) == 4


def test_a_copy_can_be_described_without_its_memory():
    one, _ = network()
    weights, _ = memory.of_network(lambda: copied(one))
    assert weights == one.count_params()
