"""Networks that compute their blocks again: the same in all but memory."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import models
from mixdmt_tf.models import rematerialization

CLASSIFIERS = {
    "wide_resnet": ({"depth": 10, "width": 1}, 3),
    "efficientnet_lite0": ({"pretrained": "none"}, 9),
}
SEGMENTERS = {
    "deeplab_v2": ({"depth": 14, "width": 4}, 5),
    "lite_segmenter": ({"pretrained": "none"}, 9),
}


def build(name, size=None):
    settings, _ = {**CLASSIFIERS, **SEGMENTERS}[name]
    config = models.network(name)(**settings)
    if name in SEGMENTERS:
        return config.build_segmenter((17, 17, 3), 5)
    return config.build_at(size, (16, 16, 3), 5)


def learn(network, side):
    """Gradients for weights and images of two passes, with statistics of both."""
    images = np.random.default_rng(0).uniform(-1, 1, (2, side, side, 3))
    images = tf.Variable(images.astype(np.float32))

    @tf.function(autograph=False)
    def gradients():
        with tf.GradientTape(persistent=True) as tape:
            loss = 0.0
            for _ in range(2):
                logits = network(images, training=True)
                loss += tf.reduce_sum(logits * logits * tf.range(1.0, 6.0))
        return tape.gradient(loss, [*network.trainable_variables, images])

    return [each.numpy() for each in gradients()]


@pytest.mark.parametrize(
    "name, size", [("wide_resnet", None), ("wide_resnet", 20), ("deeplab_v2", None)]
)
def test_gradients_statistics_and_answers_are_the_same(name, size):
    plain, again = build(name, size), build(name, size)
    again.set_weights(plain.get_weights())
    assert rematerialization.rematerialize(again) > 2
    side = plain.input_shape[1]
    for one, other in zip(learn(plain, side), learn(again, side)):
        np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-6)
    for one, other in zip(plain.get_weights(), again.get_weights()):
        np.testing.assert_array_equal(other, one)  # running statistics among them
    images = np.random.default_rng(1).uniform(-1, 1, (2, side, side, 3))
    np.testing.assert_array_equal(again(images), plain(images))


@pytest.mark.parametrize("name", ["wide_resnet", "deeplab_v2", "efficientnet_lite0"])
def test_blocks_and_what_they_keep(name):
    network = build(name)
    _, blocks = {**CLASSIFIERS, **SEGMENTERS}[name]
    between, block = rematerialization.kept(network)
    everything = sum(int(np.prod(e.output.shape[1:])) for e in network.layers)
    assert 0 < between < everything / 3 and 0 < block < everything
    assert rematerialization.rematerialize(network) == blocks


def with_noise(noise):
    images = keras.Input((8, 8, 3))
    x = images
    for layer in (None, noise, None):
        y = keras.layers.Conv2D(3, 3, padding="same")(x)
        y = layer(y) if layer else y
        x = keras.layers.Add()([x, y])
    return keras.Model(images, keras.layers.Dense(5)(x))


def test_blocks_that_draw_are_computed_once():
    """A second pass would draw another mask: the gradient would be of no function."""
    assert rematerialization.rematerialize(with_noise(keras.layers.ReLU())) == 3
    noisy = with_noise(keras.layers.SpatialDropout2D(0.5))
    assert rematerialization.rematerialize(noisy) == 2


def test_a_branch_that_goes_on_is_no_end_of_a_block():
    """The first sum is wanted by the last one: no single tensor goes on in between."""
    images = keras.Input((8, 8, 3))
    first = keras.layers.Add()([images, keras.layers.Conv2D(3, 1)(images)])
    inner = keras.layers.Conv2D(3, 1)(first)
    second = keras.layers.Add()([inner, keras.layers.Conv2D(3, 1)(inner)])
    last = keras.layers.Add()([first, second])
    network = keras.Model(images, keras.layers.Dense(5)(last))
    assert rematerialization.rematerialize(network) == 2


def test_a_chain_of_layers_has_no_blocks():
    network = models.network("small_cnn")(filters=4).build((8, 8, 1), 5)
    call = network.call
    assert rematerialization.kept(network) == (0, 0)
    assert rematerialization.rematerialize(network) == 0
    assert network.call == call
