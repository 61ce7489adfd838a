"""Applications of Keras: images as each wants them, and what is said where one fails.

Networks are built in tests/models/test_networks.py and test_pretrained.py; here hardly
any is, since most of them take half a minute.
"""

from __future__ import annotations

import http.client
import importlib
import urllib.error

import keras
import numpy as np
import pytest

from mixdmt_tf import compat
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.models.copies import settle
from mixdmt_tf.models.keras_application import KerasApplication, Preprocessing
from mixdmt_tf.settings import settings_of
from tests.models.test_weight_files import write_h5

# Modules of keras.applications by what the names of their models begin with; the
# longest beginning counts.
MODULES = {
    "ConvNeXt": "convnext",
    "DenseNet": "densenet",
    "EfficientNetB": "efficientnet",
    "EfficientNetV2": "efficientnet_v2",
    "InceptionResNetV2": "inception_resnet_v2",
    "InceptionV3": "inception_v3",
    "MobileNet": "mobilenet",
    "MobileNetV2": "mobilenet_v2",
    "MobileNetV3": "mobilenet_v3",
    "NASNet": "nasnet",
    "RegNet": "regnet",
    "ResNet": "resnet",
    "ResNetRS": "resnet_rs",
    "VGG16": "vgg16",
    "VGG19": "vgg19",
    "Xception": "xception",
}
(CHOICES,) = (
    each.choices for each in settings_of(KerasApplication) if each.name == "application"
)
THERE = [name for name in CHOICES if hasattr(keras.applications, name)]


def module_of(name):
    if name.startswith("ResNet") and name.endswith("V2"):
        return "resnet_v2"
    return MODULES[max((each for each in MODULES if name.startswith(each)), key=len)]


def test_all_models_of_the_installed_keras_can_be_chosen():
    models = {name for name in dir(keras.applications) if name[0].isupper()}
    assert models == set(THERE)
    lacking = set(CHOICES) - models
    assert all(name.startswith(("RegNet", "ResNetRS")) for name in lacking)
    assert len(lacking) == (31 if compat.KERAS_3 else 0)


@pytest.mark.parametrize("name", THERE)
def test_images_are_prepared_as_the_module_of_the_model_says(name):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 3)).astype(np.float32)
    module = importlib.import_module(f"keras.applications.{module_of(name)}")
    expected = module.preprocess_input(pixels.copy())
    found = Preprocessing(name)(pixels / np.float32(127.5) - 1)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def config(name="VGG16", **settings):
    return KerasApplication(**{"application": name, "pretrained": "none", **settings})


def refusal(shape, name="VGG16"):
    with pytest.raises(UsageError) as refused:
        config(name).build(shape, 3)
    assert len(str(refused.value).splitlines()) == 2
    return str(refused.value)


def test_what_the_installed_keras_lacks(monkeypatch):
    monkeypatch.delattr(keras.applications, "RegNetX002", raising=False)
    said = refusal((32, 32, 3), "RegNetX002")
    assert (
        f"application=RegNetX002: Keras {keras.__version__} has no such model" in said
    )


def test_images_that_are_too_small():
    said = refusal((9, 8, 3))
    assert "images of 9 x 8 pixels: they are too small.\nTry an --image_size" in said


@pytest.mark.parametrize("name", ["VGG16", "DenseNet121", "ResNet50"])
def test_channels_that_cannot_be_prepared(name):
    said = refusal((64, 64, 4), name)
    assert f"application={name} does not take images of 4 channels.\n" in said
    assert "--network=efficientnet_lite0" in said and "image_size" not in said


def test_another_reason_is_said_as_it_is(monkeypatch):
    def fail(self, **_):
        raise ValueError("Something else.\nmore")

    monkeypatch.setattr(KerasApplication, "_application", fail)
    assert "of 64 x 48 pixels: Something else" in refusal((64, 48, 3))


def small(channels):
    """A model that has been built, as far as `initialize` looks at it."""
    images = keras.Input((32, 32, channels))
    scaled = keras.layers.Rescaling(1.0, name="preprocessing")(images)
    inner = keras.Model(images, keras.layers.Dense(3)(scaled))
    outer = keras.Input((32, 32, channels))
    return keras.Model(outer, inner(outer))


def initialize(channels=3):
    with pytest.raises(UserError) as refused:
        config(pretrained="imagenet").initialize(small(channels))
    assert len(str(refused.value).splitlines()) <= 3
    return str(refused.value)


def test_imagenet_has_three_channels():
    said = initialize(4)
    assert "VGG16 are for images of 3 channels, these have 4.\nGive" in said
    assert "--pretrained=none" in said and "image_size" not in said


@pytest.mark.parametrize(
    "error",
    [
        Exception("URL fetch failure on https://x: None -- unknown host\nmore"),
        urllib.error.URLError("no network"),
        ValueError("Incomplete or corrupted file detected."),
        OSError("Unable to open file (truncated file)"),
        RuntimeError(),
    ],
)
def test_weights_that_cannot_be_fetched_or_read(error, monkeypatch):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(keras.applications, "VGG16", fail)
    said = initialize()
    reason = str(error).splitlines()[0] if str(error) else "RuntimeError"
    assert f"VGG16 could not be fetched or read: {reason}\nDelete damaged" in said
    assert "--pretrained=FILE.h5" in said and "image_size" not in said


@pytest.mark.skipif(compat.KERAS_3, reason="it looks for the home folder only once")
def test_without_a_network_the_sentence_is_the_same(monkeypatch, tmp_path):
    """As far as Keras asks for the file."""
    asked = []

    def refuse(connection):
        asked.append(connection.host)
        raise OSError("Temporary failure in name resolution")

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(http.client.HTTPConnection, "connect", refuse)
    said = initialize()
    assert asked and "URL fetch failure" in said and "name resolution" in said


@pytest.mark.parametrize("given", ["imagenet", "file"])
def test_published_weights_of_efficientnet(given, monkeypatch, tmp_path):
    """With them Keras adds a layer, which a network of random weights has not."""
    make = keras.applications.EfficientNetB0
    donor = make(include_top=False, weights=None, input_shape=(32, 32, 3))
    (layer,) = (e for e in donor.layers if isinstance(e, keras.layers.Normalization))
    deviations = np.float32([0.229, 0.224, 0.225])
    layer.set_weights([np.float32([0.485, 0.456, 0.406]), deviations, np.int64(0)])
    values = {e.name: e.get_weights() for e in donor.layers if e.weights}
    module = importlib.import_module("keras.src.applications.efficientnet")
    files = getattr(module, "file_utils", None) or module.data_utils
    monkeypatch.setattr(files, "get_file", lambda *_, **__: "weights.h5")

    def load_weights(self, _):
        theirs = [e for e in self.layers if e.weights]
        for each, weights in zip(theirs, values.values()):
            each.set_weights(weights)

    monkeypatch.setattr(keras.Model, "load_weights", load_weights)
    published = make(include_top=False, weights="imagenet", input_shape=(32, 32, 3))
    if given == "file":
        numbered = {name: list(map(str, range(len(v)))) for name, v in values.items()}
        layers = {name: [*zip(numbered[name], v)] for name, v in values.items()}
        write_h5(tmp_path / "w.h5", layers)
        given = str(tmp_path / "w.h5")
    ours = KerasApplication(application="EfficientNetB0", pretrained=given)
    model = ours.build((32, 32, 3), 4)
    assert "weights loaded" in ours.initialize(model)

    pixels = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype("float32")
    settle(published)
    stems = [
        keras.Model(each.inputs, each.get_layer("stem_conv").output)
        for each in (model, published)
    ]
    found, expected = stems[0](pixels / 127.5 - 1), stems[1](pixels)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    assert np.abs(expected).max() > 0.1
