"""What every network keeps to; a new file in `models/` takes part by being there."""

import dataclasses

import keras
import numpy as np
import pytest

from mixdmt_tf import models
from mixdmt_tf.settings import modules, settings_of

FOUND = modules("mixdmt_tf.models", "build")
# All but those that differ from another one in a number, as larger sizes do.
NAMES = [name for name in FOUND if "build" in vars(models.network(name))]
every_network = pytest.mark.parametrize("name", NAMES)


def built(name, shape=(8, 8, 3), classes=3, portable=False):
    """The network at its smallest: the least that the settings allow."""
    network = models.network(name)
    smallest = {
        setting.name: min(setting.choices) if setting.choices else int(setting.low)
        for setting in settings_of(network)
        if setting.type == "int"
    }
    if name == "keras_application":  # one with few layers
        smallest["application"] = "MobileNetV2"
    return network(**smallest).build(shape, classes, portable)


def images(shape=(8, 8, 3), count=4):
    pixels = np.random.RandomState(0).uniform(-1, 1, (count, *shape))
    return pixels.astype(np.float32)


def test_networks_are_found_by_their_files():
    assert {"wide_resnet", "small_cnn", "efficientnet_lite0"} <= set(NAMES)
    assert {"efficientnet_lite1", "efficientnet_lite2"} <= set(FOUND) - set(NAMES)
    assert models.network("small_cnn").__name__ == "SmallCNN"
    with pytest.raises(ModuleNotFoundError, match="no_such_network"):
        models.network("no_such_network")


@every_network
def test_settings_are_frozen_and_have_defaults(name):
    config = models.network(name)()

    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(config, dataclasses.fields(config)[0].name, None)


@every_network
@pytest.mark.parametrize("shape", [(8, 8, 3), (9, 7, 1)])
def test_images_of_any_size_and_number_become_logits(name, shape):
    model = built(name, shape, classes=5)

    assert model.input_shape == (None, *shape)
    for count in (1, 4):
        logits = model(images(shape, count))
        assert logits.shape == (count, 5) and np.all(np.isfinite(logits))


@every_network
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_logits_are_float32(name, policy):
    keras.mixed_precision.set_global_policy(policy)

    assert built(name)(images(), training=True).dtype == "float32"


@every_network
def test_portable_network_takes_the_same_weights_and_gives_the_same_values(name):
    usual, portable = built(name), built(name, portable=True)
    portable.set_weights(usual.get_weights())

    np.testing.assert_allclose(portable(images()), usual(images()), rtol=1e-5)
    if name != "keras_application":  # each application prepares images in its own way
        assert "mixdmt_tf" not in portable.to_json()


@every_network
def test_starting_weights_follow_the_seed(name):
    starts = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        starts.append(np.concatenate([w.ravel() for w in built(name).get_weights()]))

    np.testing.assert_array_equal(starts[0], starts[1])
    assert np.any(starts[0] != starts[2])


@pytest.mark.parametrize("size", [None, 12])
def test_a_call_that_does_not_say_so_is_no_training(size):
    """Whatever else is in the model, as what enlarges images."""
    model = models.network("wide_resnet")(depth=10, width=1).build_at(
        size, (8, 8, 3), 3
    )
    weights = model.get_weights()
    silent = model(images())

    for before, after in zip(weights, model.get_weights()):
        np.testing.assert_array_equal(after, before)
    np.testing.assert_array_equal(silent, model(images(), training=False))
    assert np.abs(silent - model(images(), training=True)).max() > 1e-3
