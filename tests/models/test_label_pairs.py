"""Logits of several labels as pairs, and their probabilities."""

from __future__ import annotations

import keras
import numpy as np

from mixdmt_tf.models import features, label_pairs
from mixdmt_tf.models.small_cnn import SmallCNN
from mixdmt_tf.models.wide_resnet import WideResNet

SHAPE = (8, 8, 3)


def images(count=4):
    pixels = np.random.default_rng(0).uniform(-1, 1, (count, *SHAPE))
    return pixels.astype(np.float32)


def test_a_pair_is_zero_and_the_logit():
    network = SmallCNN(filters=4).build(SHAPE, 5)
    paired = label_pairs.paired(network)
    logits, pairs = network(images()).numpy(), paired(images()).numpy()
    assert pairs.shape == (4, 5, 2) and pairs.dtype == np.float32
    np.testing.assert_array_equal(pairs[..., 0], np.zeros((4, 5)))
    np.testing.assert_array_equal(pairs[..., 1], logits)


def test_it_adds_no_weights_and_its_head_is_the_networks():
    network = SmallCNN(filters=4).build(SHAPE, 5)
    paired = label_pairs.paired(network)
    assert [w.name for w in paired.weights] == [w.name for w in network.weights]
    assert features.head(paired).units == 5
    assert paired.get_layer("logits").units == 5


def test_probabilities_are_those_of_a_sigmoid():
    network = SmallCNN(filters=4).build(SHAPE, 5)
    network.set_weights([10 * w + 1 for w in network.get_weights()])
    paired = label_pairs.paired(network)
    model = keras.Model(paired.inputs, label_pairs.probabilities(paired.output))
    logits = network(images()).numpy().astype(np.float64)
    expected = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(model(images()), expected, rtol=1e-5, atol=1e-7)
    assert np.ptp(expected) > 0.1


def test_pairs_are_float32_under_half_precision():
    keras.mixed_precision.set_global_policy("mixed_float16")
    network = WideResNet(depth=10, width=1).build(SHAPE, 2)
    assert label_pairs.paired(network)(images()).dtype == np.float32
