from __future__ import annotations

import keras
import numpy as np
import pytest

from mixdmt_tf.errors import UsageError
from mixdmt_tf.models import discriminators
from mixdmt_tf.models.layers.dropout import Dropout
from tests.oracles import discriminators as oracle


def maps(*shape):
    return np.random.default_rng(0).uniform(size=shape).astype(np.float32)


def numbers(model):
    """Weights that are large enough to show, as float64."""
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(0, 0.3, w.shape) for w in model.weights])
    return [w.astype(np.float64) for w in model.get_weights()]


def test_the_map_discriminator_has_the_papers_size():
    model = discriminators.map_discriminator(21)
    assert model.count_params() == 2_783_169
    convolutions = [e for e in model.layers if isinstance(e, keras.layers.Conv2D)]
    assert [e.filters for e in convolutions] == [64, 128, 256, 512, 1]
    assert not any(isinstance(e, keras.layers.BatchNormalization) for e in model.layers)
    small = keras.Model(model.inputs, convolutions[-1].output)
    assert small(maps(1, 321, 321, 21)).shape == (1, 10, 10, 1)


@pytest.mark.parametrize("size", [(9, 7), (16, 12)])
def test_it_is_convolutions_and_upsampling(size):
    model = discriminators.map_discriminator(4, layers=2, width=3)
    weights, given = numbers(model), maps(2, *size, 4)
    logits = model(given)
    assert logits.shape == (2, *size, 1) and logits.dtype == "float32"
    expected = oracle.map_discriminator(given, weights)
    np.testing.assert_allclose(logits[..., 0], expected, rtol=1e-4, atol=1e-5)


def test_the_image_discriminator_has_the_papers_size():
    model = discriminators.image_discriminator(21)
    assert model.count_params() == 2_778_561
    dropouts = [e for e in model.layers if isinstance(e, Dropout)]
    assert [(e.rate, e.maps, e.place) for e in dropouts] == [
        (0.5, True, place) for place in range(3)
    ]
    features, logits = model([maps(2, 64, 48, 21), maps(2, 64, 48, 3)])
    assert features.shape == (2, 512) and logits.shape == (2, 1)


def test_it_sees_the_image_beside_the_map():
    model = discriminators.image_discriminator(4, layers=2, width=3)
    weights, given = numbers(model), [maps(2, 9, 7, 4), 2 * maps(2, 9, 7, 3) - 1]
    features, logits = model(given)
    expected = oracle.image_discriminator(*given, weights)
    np.testing.assert_allclose(features, expected[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(logits[:, 0], expected[1], rtol=1e-4, atol=1e-5)


def test_the_flaw_detector_has_the_papers_size():
    model = discriminators.flaw_detector(21)
    trained = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert trained == 8_294_017
    convolutions = [e for e in model.layers if isinstance(e, keras.layers.Conv2D)]
    kinds = [(e.filters, e.strides[0]) for e in convolutions]
    steps = [(64, 2), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)]
    assert kinds == [*steps, (1, 2)]
    small = keras.Model(model.inputs, convolutions[-1].output)
    flaws = small([maps(1, 321, 321, 21), maps(1, 321, 321, 3)])
    assert flaws.shape == (1, 9, 9, 1)


@pytest.mark.parametrize("layers", [2, 3])
def test_it_is_normalized_by_batch_and_by_image(layers):
    model = discriminators.flaw_detector(4, layers, width=4)
    weights, given = numbers(model), [maps(2, 18, 21, 4), maps(2, 18, 21, 3) - 0.5]
    flaws = model(given, training=True)
    assert flaws.shape == (2, 18, 21, 1) and flaws.dtype == "float32"
    expected = oracle.flaw_detector(*given, weights)
    np.testing.assert_allclose(flaws[..., 0], expected, rtol=1e-3, atol=1e-4)


def test_dropout_of_whole_maps_in_training():
    """Those that are left have twice their values; other images, other maps."""
    images = maps(3, 8, 8, 3)
    layer, x = Dropout(0.5, 0, maps=True), np.ones((3, 4, 5, 40), np.float32)
    y = layer([x, images], training=True).numpy()
    assert set(np.unique(y)) == {0, 2} and 0.3 < y.mean() / 2 < 0.7
    np.testing.assert_array_equal(y, y[:, :1, :1] * np.ones((1, 4, 5, 1)))
    np.testing.assert_array_equal(y, layer([x, images], training=True))
    assert np.any(y != layer([x, images + 0.1], training=True))
    np.testing.assert_array_equal(x, layer([x, images], training=False))
    assert Dropout.from_config(layer.get_config()).maps


def test_it_begins_as_torch_does():
    """Uniform within 1 / sqrt(fan-in), biases too."""
    for layer in discriminators.map_discriminator(21).layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel, bias = layer.get_weights()
            limit = np.prod(kernel.shape[:3]) ** -0.5
            assert 0.95 * limit < np.abs(kernel).max() <= limit
            assert np.abs(bias).max() <= limit and bias.std() > 0 or len(bias) == 1


def test_logits_are_float32_in_half_precision():
    keras.mixed_precision.set_global_policy("mixed_float16")
    model = discriminators.map_discriminator(4, layers=2, width=3)
    assert model(maps(1, 8, 8, 4)).dtype == "float32"


SIZES = [((48, 48), 5, False), ((9, 7), 2, False), ((None,) * 2, 8, False)]


@pytest.mark.parametrize(
    "size, layers, between",
    [*SIZES, ((64, 70), 5, True), ((48, 48), 4, True), ((1, 1), 0, True)],
)
def test_sizes_of_which_something_is_left(size, layers, between):
    discriminators.require_size(size, layers, between)


def test_a_flaw_detector_that_is_too_deep():
    """48, 24, 12, 11, 5, 4, 2, 1, 0."""
    with pytest.raises(UsageError, match="Use at most 4"):
        discriminators.require_size((48, 48), 5, between=True)


def test_a_crop_of_which_nothing_is_left():
    with pytest.raises(UsageError) as error:
        discriminators.require_size((25, 48), 5)
    assert str(error.value) == (
        "--discriminator_layers=5 leave nothing of crops of 25x48 pixels: each layer "
        "halves them.\nUse at most 4, or a larger --crop."
    )
