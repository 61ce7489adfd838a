"""Encoder and decoder of every network for segmentation here."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.learners import networks
from mixdmt_tf.models import halves
from mixdmt_tf.models.deeplab_v2 import DeepLabV2
from mixdmt_tf.models.lite_segmenter import LiteSegmenter
from mixdmt_tf.models.small_segmenter import SmallSegmenter

# Settings, names of the head's layers, stride and channels of the features.
NETWORKS = {
    "small": (SmallSegmenter(4, 1), ["classes"], 2, 8),
    "deeplab_v2": (
        DeepLabV2(14, 2, rates="1,2", normalization="none"),
        ["aspp_0", "aspp_1"],
        8,
        64,
    ),
    "lite": (LiteSegmenter(pretrained="none", width=8), ["classes"], 4, 8),
    "v2 head": (
        LiteSegmenter(pretrained="none", decoder="deeplab_v2"),
        [f"classes_{index}" for index in range(4)],
        16,
        320,
    ),
    "v3+": (
        LiteSegmenter(pretrained="none", width=8, decoder="deeplab_v3_plus"),
        ["classes"],
        4,
        8,
    ),
}


def images(height=33, width=25):
    shape = (2, height, width, 3)
    values = np.random.RandomState(0).uniform(-1, 1, shape)
    return tf.constant(values, tf.float32)


@pytest.mark.parametrize("name", NETWORKS)
def test_both_halves_together_are_the_network(name):
    config, head, stride, channels = NETWORKS[name]
    network = config.build_segmenter((None, None, 3), 5)
    weights = network.get_weights()
    names = [weight.name for weight in network.weights]
    expected = network(images())

    encoder, decoder = halves.encoder(network), halves.decoder(network)

    assert [layer.name for layer in halves.head(network)] == head
    features = encoder(images())
    assert features.shape == (2, -(-33 // stride), -(-25 // stride), channels)
    logits = decoder([features, images()])
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    one_pass = halves.with_features(network)(images())
    for got, wanted in zip(one_pass, (features, expected)):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
    # Their weights are the network's, each in one half, and it has not changed.
    held = {id(weight) for weight in [*encoder.weights, *decoder.weights]}
    assert held == {id(weight) for weight in network.weights}
    assert len(encoder.weights) + len(decoder.weights) == len(network.weights)
    assert [weight.name for weight in network.weights] == names
    for one, other in zip(network.get_weights(), weights):
        np.testing.assert_array_equal(one, other)


def test_a_clone_of_a_decoder_is_another_one():
    """With layers of the same names, and of images that vary in size."""
    network = NETWORKS["small"][0].build_segmenter((None, None, 3), 5)
    decoder, encoder = halves.decoder(network), halves.encoder(network)
    other = keras.models.clone_model(decoder)
    assert [layer.name for layer in other.layers] == [e.name for e in decoder.layers]
    assert not {id(w) for w in other.weights} & {id(w) for w in network.weights}
    for height, width in ((33, 25), (9, 16)):
        x = images(height, width)
        logits = other([encoder(x), x])
        assert logits.shape == (2, height, width, 5)
        assert np.abs(logits - network(x)).max() > 1e-3
    other.set_weights(decoder.get_weights())
    np.testing.assert_allclose(other([encoder(x), x]), network(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("own", [(0.0, 255.0), None])
def test_a_network_within_a_network_is_cut_in_two(own):
    """As behind a change of range; or somebody put it there."""
    inner = NETWORKS["small"][0].build_segmenter((None, None, 3), 5)
    outer = keras.Input((None, None, 3))
    network = keras.Model(outer, inner(outer))
    if own:
        network = networks.taking(inner, own)
    expected = network(images())

    assert [layer.name for layer in halves.head(network)] == ["classes"]
    features, logits = halves.with_features(network)(images())
    assert features.shape == (2, 17, 13, 8)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(halves.encoder(network)(images()), features, rtol=1e-5)
    decoder = halves.decoder(network)
    assert len(decoder.weights) == 2
    found = decoder([features, images()])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_halves_have_the_precision_of_the_network(policy):
    keras.mixed_precision.set_global_policy(policy)
    network = NETWORKS["small"][0].build_segmenter((33, 25, 3), 5)
    features = halves.encoder(network)(images())
    assert features.dtype == policy[len("mixed_") :]
    other = keras.models.clone_model(halves.decoder(network))
    assert other([features, images()]).dtype == "float32"


def test_a_network_is_saved_as_before(tmp_path):
    network = NETWORKS["small"][0].build_segmenter((None, None, 3), 2)
    halves.decoder(network)
    network.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(images()), network(images()), rtol=1e-6)


def test_the_features_of_a_single_layer_are_the_images():
    inputs = keras.Input((None, None, 3))
    network = keras.Model(inputs, keras.layers.Conv2D(4, 1)(inputs))
    x = images()
    np.testing.assert_array_equal(halves.encoder(network)(x), x)
    np.testing.assert_allclose(halves.decoder(network)([x, x]), network(x), rtol=1e-5)


def test_a_network_whose_classes_have_no_features_in_common_is_refused():
    inputs = keras.Input((8, 8, 3))
    convolve = keras.layers.Conv2D
    x = keras.layers.Add()([convolve(4, 1)(inputs), convolve(4, 1)(-inputs)])
    with pytest.raises(ValueError, match="has no features"):
        halves.encoder(keras.Model(inputs, x))
