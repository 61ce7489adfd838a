"""Which networks are taken, and in which range they get their images."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import mixdmt_tf
from mixdmt_tf.errors import ArgumentError
from mixdmt_tf.learners import networks
from mixdmt_tf.learners.pixels import BYTES, CANONICAL
from mixdmt_tf.models import features
from mixdmt_tf.models.encoders.efficientnet_lite import EfficientNetLite
from mixdmt_tf.models.keras_application import Preprocessing
from mixdmt_tf.models.layers.input_normalization import InputNormalization
from tests.learners import made

(IMAGES, LABELS), UNLABELED, HELD_OUT = made.images()


@pytest.mark.parametrize(
    "end",
    [
        [keras.layers.Dense(10, activation="softmax", name="last")],
        [keras.layers.Dense(10), keras.layers.Softmax()],
        [keras.layers.Dense(10), keras.layers.Activation("softmax")],
    ],
)
def test_probabilities_become_the_logits_that_they_are_of(end):
    network = made.network(*end)
    logits = networks.logits_of(network, 10, "classification")
    images = np.random.default_rng(0).uniform(-1, 1, (5, 8, 8, 1)).astype(np.float32)
    found = np.asarray(logits(images), np.float64)
    probs = np.exp(found) / np.exp(found).sum(-1, keepdims=True)
    np.testing.assert_allclose(probs, network(images), atol=1e-6)
    assert not np.allclose(found.sum(-1), 1)
    assert logits.weights[0] is network.weights[0]  # of the convolution


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_logits_are_float32_under_a_mixed_policy(policy):
    keras.mixed_precision.set_global_policy(policy)
    softmax = keras.layers.Activation("softmax", dtype="float32")  # as Keras has it
    for end in ([], [keras.layers.Dense(10), softmax]):
        network = made.network(*end)
        logits = networks.logits_of(network, 10, "classification")
        assert tf.as_dtype(logits.output.dtype) == tf.float32
        own = zip(logits.weights, network.weights)
        assert all(one is other for one, other in own)
        assert networks.logits_of(logits, 10, "classification") is logits
        assert features.extractor(logits).output_shape == (None, 4)
        assert networks.as_settings(logits, False).head == (network.layers[2].name,)
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(10)])
    logits = networks.logits_of(made.network(inner), 10, "classification")
    assert features.extractor(logits).output_shape == (None, 4)
    segmenter = networks.logits_of(made.segmenter(), 11, "segmentation")
    assert tf.as_dtype(segmenter.output.dtype) == tf.float32
    maps = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.MaxPooling2D()])
    segmenter = networks.logits_of(maps, 11, "segmentation")
    assert segmenter.output_shape == (None, 8, 8, 11)
    assert tf.as_dtype(segmenter.output.dtype) == tf.float32


@pytest.mark.parametrize(
    "network, added",
    [
        (made.network(keras.layers.Dense(6, activation="relu")), 6 * 10 + 10),
        (keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(3, 3)]), 40),
    ],
)
def test_features_get_a_layer_for_the_classes(network, added):
    before = network.count_params()
    if isinstance(network.layers[-1], keras.layers.Conv2D):
        network.add(keras.layers.ReLU())
    logits = networks.logits_of(network, 10, "classification")
    assert logits.output_shape == (None, 10)
    assert logits.count_params() == before + added
    assert logits.layers[-1].name == "logits"


@pytest.mark.parametrize("name", ["linear", "softmax"])
def test_one_input_and_one_output_may_have_names(name):
    images = keras.Input((8, 8, 1), name="image")
    flat = keras.layers.Flatten()(images)
    outputs = keras.layers.Dense(10, activation=name)(flat)
    network = keras.Model({"image": images}, {"label": outputs})
    logits = networks.logits_of(network, 10, "classification")
    assert logits.input_shape == (None, 8, 8, 1)
    assert logits(np.zeros((2, 8, 8, 1), np.float32)).shape == (2, 10)


def within(layer):
    return made.network(keras.Sequential([keras.Input((4,)), layer]))


@pytest.mark.parametrize(
    "network, words",
    [
        ("wide_resnet", "expected a keras.Model"),
        (keras.Sequential([keras.layers.Dense(10)]), "keras.Input"),
        (made.network(keras.layers.Dense(7)), "7 classes apart.*num_classes=10"),
        (made.network(keras.layers.Dense(7, activation="softmax")), "7 classes"),
        (made.network(keras.layers.Dense(1, activation="sigmoid")), "sigmoid"),
        (within(keras.layers.Dense(10, activation="softmax")), "are probabilities"),
    ],
)
def test_others_are_refused(network, words):
    with pytest.raises(ArgumentError, match=words):
        mixdmt_tf.Supervised(network, 10)


class Largest(keras.layers.Layer):
    """Logits that tell what the network saw: the largest and the smallest pixel."""

    def call(self, images):
        ends = [keras.layers.GlobalMaxPooling2D()(s * images) for s in (1.0, -1.0)]
        return keras.layers.Concatenate()(ends)


def seen(images, *begin, **keywords):
    """(largest, smallest) pixel that a network gets of images."""
    network = keras.Sequential([keras.Input((8, 8, 1)), *begin, Largest()])
    model = mixdmt_tf.Supervised(network, 2, **keywords)
    model.predict(images, verbose=0)
    largest, least = np.asarray(model.logits(images)).T
    return pytest.approx((largest.max(), -least.max()), rel=1e-6, abs=1e-5)


def test_floats_after_bytes_are_the_same_pixels_for_a_call_as_for_predict():
    """Their range is found by the first of both that gets them."""
    network = keras.Sequential([keras.Input((8, 8, 1)), Largest()])
    images = IMAGES.copy()
    images[0, :2, 0, 0] = 0, 255
    model = mixdmt_tf.Supervised(network, 2)
    model.predict(images, verbose=0)
    expected = model.logits(images)
    for scaled in (images / np.float32(255), images / np.float32(127.5) - 1):
        model = mixdmt_tf.Supervised(network, 2)
        model.predict(images, verbose=0)
        np.testing.assert_allclose(model.logits(scaled), expected, atol=1e-5)


def test_the_range_that_a_network_gets():
    images = IMAGES.copy()
    images[0, :2, 0, 0] = 0, 255
    rescaling = keras.layers.Rescaling(1 / 127.5)
    assert (1, -1) == seen(images)
    assert (2, 0) == seen(images, rescaling)  # it gets 0 to 255
    assert (1, 0) == seen(images / 255.0)
    assert (1, -1) == seen(images / 127.5 - 1)
    assert (255, 0) == seen(images.astype(np.float32))
    assert (1, 0) == seen(images, input_range=(0, 1))
    assert (3, -5) == seen(images / 255.0, input_range=(-5, 3))
    assert (5, 0) == seen(images / 51.0, input_range=(0, 5))  # as they are
    assert (127, -128) == seen(images - 128.0, input_range=(-128, 127))


@pytest.mark.parametrize(
    "layer, expected",
    [
        (keras.layers.Rescaling(1 / 255), BYTES),
        (keras.layers.Rescaling([1 / 127.5] * 3, -1), BYTES),
        (keras.layers.Normalization(), BYTES),
        (EfficientNetLite(0, 0.9), CANONICAL),
        (InputNormalization("imagenet"), CANONICAL),
        (Preprocessing("EfficientNetV2B0"), CANONICAL),
        (keras.layers.Conv2D(2, 3), None),
        (keras.layers.Rescaling(2.0), None),
    ],
)
def test_networks_of_this_package_take_minus_1_to_1_whatever_they_make_of_it(
    layer, expected
):
    images = keras.Input((32, 32, 3))
    if isinstance(layer, EfficientNetLite):
        x = layer.features(images)[2]
    else:
        # As EfficientNetV2 has it.
        x = keras.layers.Rescaling(1 / 255, name="inside")(layer(images))
    network = keras.Model(images, x)
    assert networks.own_range(network) == expected
    assert networks.own_range(keras.Sequential([network])) == expected


def test_augmentation_in_front_shows_no_range():
    """A model of its own, as TensorFlow's tutorials have it."""
    augment = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.RandomFlip()])
    rescaling = keras.layers.Rescaling(1 / 255)
    network = keras.Sequential([keras.Input((8, 8, 3)), augment, rescaling])
    assert networks.own_range(network) == BYTES


def test_the_digest_is_of_layers_and_not_of_their_names():
    def network(filters=3, activation="relu"):
        images = keras.Input((8, 8, 3))
        x = keras.layers.Conv2D(filters, 3)(images)
        x = keras.layers.Activation(activation)(x)
        x = keras.Sequential([keras.layers.Conv2D(filters, 1)])(x)
        return keras.Model(images, keras.layers.Add()([x, x]))

    digest = networks._digest(network())
    assert networks._digest(network()) == digest
    assert networks._digest(network(filters=4)) != digest
    assert networks._digest(network(activation="tanh")) != digest


def test_a_copy_of_a_pretrained_network_has_its_weights_and_a_new_head():
    network = made.network()
    for pretrained in (True, False):
        settings = networks.as_settings(network, pretrained)
        copy = settings.build_at(None, (8, 8, 1), 10)
        said = settings.initialize(copy)
        pairs = zip(copy.get_weights(), network.get_weights())
        same = [np.array_equal(*pair) and pair[0].any() for pair in pairs]
        assert same == ([True, False, False, False] if pretrained else [False] * 4)
        assert bool(said) == pretrained == bool(settings.pretrained)


def test_the_head_of_a_network_in_another_one_is_its_last_layer():
    network = made.network(keras.layers.Dense(10, name="end"))
    wrapped = networks.taking(network, (0.0, 255.0))
    assert networks.as_settings(wrapped, False).head == ("end",)


class Scaled(keras.layers.Layer):
    """A layer of a user, without `get_config`."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, x):
        return self.function(x)


def test_a_layer_that_cannot_be_copied_is_named():
    layer = Scaled(lambda x: 2.0 * x)
    with pytest.raises(
        ArgumentError, match=f"{layer.name} can't be copied.*\n.*Scaled"
    ):
        mixdmt_tf.Supervised(made.network(layer, keras.layers.Dense(10)), 10)


def test_a_layer_with_a_function_of_python_can_be_copied():
    (images, labels), unlabeled, _ = made.images()
    layer = keras.layers.Lambda(lambda x: 2.0 * x)
    model = mixdmt_tf.MeanTeacher(made.network(layer, keras.layers.Dense(10)), 10)
    model.fit((images, labels), unlabeled=unlabeled, steps_per_epoch=1, verbose=0)
    assert model.predict(images, verbose=0).shape == (20, 10)


def test_regularization_losses_are_not_passed_over_in_silence():
    end = keras.layers.Dense(10, kernel_regularizer="l2")
    with pytest.warns(UserWarning, match="1 regularization losses"):
        mixdmt_tf.Supervised(made.network(end), 10)
