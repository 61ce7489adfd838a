"""The network whose first layer whitens patches."""

import keras
import numpy as np
import pytest

from mixdmt_tf.equations import patch_whitening
from mixdmt_tf.models import whitened_cnn
from mixdmt_tf.models.base import Network
from mixdmt_tf.models.whitened_cnn import LAYER, WhitenedCNN

SHAPE = (8, 8, 3)


def images(count=300):
    """Neighbours that are alike, as in photographs."""
    rng = np.random.RandomState(0)
    rough = rng.uniform(-1, 1, (count, 4, 4, 3)).repeat(2, 1).repeat(2, 2)
    return (0.8 * rough + rng.uniform(-0.2, 0.2, (count, *SHAPE))).astype(np.float32)


def whitened(model, pixels):
    inner = keras.Model(model.inputs, model.get_layer(LAYER).output)
    return inner(pixels).numpy().reshape(-1, 24)


def test_its_size():
    """Counted by hand: 32 filters, then 128 twice; the first layer does not learn."""
    model = WhitenedCNN().build((32, 32, 3), 10)
    f, w = 32, 128
    kernels = 9 * (24 * f + f * f + f * w + w * w + w * w + w * w)
    offsets = 2 * (f + w + w)  # of normalization, which has no scale

    learnt = sum(int(np.prod(v.shape)) for v in model.trainable_weights)
    assert learnt == kernels + offsets + 10 * w
    assert model.count_params() == learnt + 2 * offsets + (12 * 24 + 24)


def test_after_adapt_patches_are_white():
    model = WhitenedCNN(filters=2).build(SHAPE, 3)
    before = np.cov(whitened(model, images())[:, :12].T)
    assert np.abs(before - np.diag(np.diag(before))).max() > 0.1
    WhitenedCNN().adapt(model, lambda number: images()[:number])

    found = whitened(model, images())
    np.testing.assert_allclose(found.mean(0), 0, atol=0.01)
    covariance = np.cov(found[:, :12].T)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=0.01)
    assert np.all((0.9 < np.diag(covariance)) & (np.diag(covariance) < 1.01))


def test_of_large_images_a_part_of_the_patches_will_do(monkeypatch):
    """All patches of 2,000 photos of 224x224 would take 24 GB."""
    monkeypatch.setattr(whitened_cnn, "PIXELS", 20 * 10 * 12)
    monkeypatch.setattr(whitened_cnn, "PATCHES", 300)
    model = WhitenedCNN().build((10, 12, 3), 2)
    asked, given = [], []

    def sample(number):
        asked.append(number)
        return np.random.default_rng(0).normal(size=(number, 10, 12, 3)).astype("f4")

    def whitening(patches):
        given.append(len(patches))
        return patch_whitening(patches)

    monkeypatch.setattr(whitened_cnn, "patch_whitening", whitening)
    WhitenedCNN().adapt(model, sample)
    # Every third of 9x11 places; every second would be 20 x 5 x 6 patches.
    assert (asked, given) == ([20], [20 * 3 * 4])


def test_images_that_are_enlarged_are_adapted_to_as_the_layer_sees_them():
    settings = WhitenedCNN(filters=2)
    model = settings.build_at(16, SHAPE, 3)
    settings.adapt(model, lambda number: images()[:number])

    enlarged = keras.layers.Resizing(16, 16)(images())
    inner = next(layer for layer in model.layers if isinstance(layer, keras.Model))
    np.testing.assert_allclose(whitened(inner, enlarged).mean(0), 0, atol=0.01)


def test_the_first_layer_stays_as_it_is():
    model = WhitenedCNN(filters=2).build(SHAPE, 3)
    names = {weight.name for weight in model.trainable_weights}

    assert not any(LAYER in name for name in names)
    assert len(model.get_layer(LAYER).weights) == 2


@pytest.mark.parametrize("activation, least", [("relu", 0.0), ("gelu", -0.2)])
def test_activation(activation, least):
    model = WhitenedCNN(filters=2, activation=activation).build(SHAPE, 3)
    layers = [x for x in model.layers if isinstance(x, keras.layers.Activation)]

    assert len(layers) == 7
    for layer in layers:
        values = layer(np.linspace(-3, 3, 13, dtype=np.float32)).numpy()
        assert least <= values.min() <= least / 2 and values.max() > 2.9


def test_logit_scale():
    weights = None
    found = []
    for scale in (1.0, 0.25):
        model = WhitenedCNN(filters=2, logit_scale=scale).build(SHAPE, 3)
        weights = weights or model.get_weights()
        model.set_weights(weights)
        found.append(model(images(4)).numpy())
    np.testing.assert_allclose(found[1], found[0] / 4, rtol=1e-5)


def test_other_networks_have_nothing_to_adapt():
    def none(number):
        raise AssertionError("no image is read")

    Network().adapt(None, none)
