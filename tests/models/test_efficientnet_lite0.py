"""EfficientNet-Lite for classification, with random weights and with ImageNet's."""

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from mixdmt_tf import models
from mixdmt_tf.models import features, weights
from tests.oracles import efficientnet_lite as oracle

NAMES = [f"efficientnet_lite{size}" for size in range(3)]
NONE = {"pretrained": "none"}


def network(name="efficientnet_lite0", **settings):
    return models.network(name)(**{**NONE, **settings})


def images(shape=(33, 40, 3), count=2):
    pixels = np.random.RandomState(1).uniform(-1, 1, (count, *shape))
    return pixels.astype(np.float32)


def photo(name):
    """A photo of scikit-learn's, whole, at 224 x 224, in [-1, 1]."""
    pixels = load_sample_image(name)[None].astype(np.float32)
    resize = keras.layers.Resizing(224, 224)
    return resize(pixels) / 127.5 - 1.0


def middle_of(name):
    """A photo as the release evaluates: 7/8 of the shorter side, bicubic."""
    picture = Image.fromarray(load_sample_image(name))
    side = picture.height * 7 // 8
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    box = left, top, left + side, top + side
    pixels = np.asarray(picture.resize((224, 224), Image.Resampling.BICUBIC, box))
    return pixels[None].astype(np.float32) / np.float32(127.5) - 1.0


@pytest.mark.parametrize(
    "name,published", [*zip(NAMES, (4_652_008, 5_416_680, 6_092_072))]
)
def test_number_of_parameters(name, published):
    model = network(name).build((224, 224, 3), 1000)
    learned = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert learned == published and model.name == name


@pytest.mark.parametrize("size", [0, 2])
def test_logits_follow_the_paper(size, tmp_path):
    model = network(NAMES[size]).build((33, 40, 3), 7)
    made = oracle.weights(size, 7)
    np.savez(tmp_path / "w.npz", **made)
    report = weights.load(model, tmp_path / "w.npz")
    assert not (report.missing or report.unused or report.mismatched)

    expected = oracle.logits(images(), made, size)

    scale = np.abs(expected).max()
    np.testing.assert_allclose(model(images()), expected, atol=1e-4 * scale)


@pytest.mark.parametrize("name", NAMES)
def test_imagenet_weights_are_complete_and_know_a_palace(name):
    """They come with packages that are installed with this one: no network needed."""
    config = models.network(name)()
    model = config.build((224, 224, 3), 1000)

    line = config.initialize(model)

    assert line.endswith(f"{len(model.weights)} weights loaded"), line
    logits = model(np.concatenate([photo("flower.jpg"), photo("china.jpg")])).numpy()
    flower, palace = np.argsort(-logits, axis=-1)[:, :5]
    assert palace[0] in (442, 698)  # bell cote, palace
    if name == NAMES[0]:  # lite2 sees a honeycomb in the petals
        assert flower[0] == 985  # daisy
        likely = np.argsort(-model(middle_of("china.jpg")).numpy()[0])
        assert likely[:3].tolist() == [698, 442, 663]  # palace, bell cote, monastery


def test_with_other_classes_the_last_layer_is_new():
    config = models.network(NAMES[0])()
    model = config.build((32, 32, 3), 10)
    before = [value.copy() for value in features.head(model).get_weights()]

    line = config.initialize(model)

    assert line.endswith(f"{len(model.weights) - 2} weights loaded; 2 are new")
    for value, old in zip(features.head(model).get_weights(), before):
        np.testing.assert_array_equal(value, old)


def test_grey_images_are_three_equal_channels(tmp_path):
    grey, colour = (network().build((33, 40, n), 5) for n in (1, 3))
    np.savez(tmp_path / "w.npz", **oracle.weights(0, 5))
    for model in (grey, colour):
        assert not weights.load(model, tmp_path / "w.npz").mismatched
    x = images((33, 40, 1))
    expected = colour(np.repeat(x, 3, -1))
    np.testing.assert_allclose(grey(x), expected, rtol=1e-5, atol=1e-5)


def test_with_four_channels_the_first_convolution_is_new_and_said_to_be():
    config = models.network(NAMES[0])()
    model = config.build((32, 32, 4), 5)
    assert model(images((32, 32, 4))).shape == (2, 5)
    line = config.initialize(model)
    assert "the file does not have conv_stem/kernel; 3 are new" in line
    assert "logits" not in line


def test_features_are_the_input_of_the_last_layer():
    model = network().build((33, 40, 3), 5)
    found = features.extractor(model)(images())
    assert found.shape == (2, 1280)
    last = features.head(model)
    expected = model(images())
    np.testing.assert_allclose(last(found), expected, rtol=1e-5, atol=1e-6)


def test_images_are_enlarged_within_the_network():
    """The logits are those of the inner network on images resized before."""
    config = network()
    model = config.build_at(48, (20, 30, 3), 5)
    assert model.input_shape == (None, 20, 30, 3)
    inner = model.layers[-1]
    assert inner.input_shape == (None, 48, 48, 3)
    resized = keras.layers.Resizing(48, 48)(images((20, 30, 3)))
    expected = inner(resized)
    result = model(images((20, 30, 3)))
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)
    found = features.extractor(model)(images((20, 30, 3)))
    np.testing.assert_allclose(features.head(model)(found), expected, rtol=1e-5)


def test_of_their_own_size_images_stay_as_they_are():
    for size in (None, 20):
        model = network().build_at(size, (20, 20, 3), 5)
        assert model.name == NAMES[0]
        assert "resizing" not in [layer.name for layer in model.layers]


def test_enlarging_takes_published_weights():
    config = models.network(NAMES[0])()
    model = config.build_at(48, (20, 20, 3), 1000)
    line = config.initialize(model)
    assert line.endswith(f"{len(model.weights)} weights loaded")
