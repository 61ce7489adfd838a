"""DeepLab-v2: the network against NumPy, its head, and what it makes of images."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.errors import UsageError
from mixdmt_tf.models.deeplab_v2 import (
    DeepLabV2,
    InputNormalization,
    head_variables,
)
from mixdmt_tf.models.layers import input_normalization
from mixdmt_tf.models.weights import load
from mixdmt_tf.settings import declared, settings_of
from tests.oracles import resnet as oracle
from tests.oracles import upsampling

SMALL = DeepLabV2(14, 2, rates="1,2", normalization="none")


def images(height=33, width=42, count=2, channels=3):
    shape = (count, height, width, channels)
    return np.random.RandomState(0).uniform(-1, 1, shape).astype(np.float32)


def other_head(model, seed=0):
    """Kernels of a size that counts; they start small."""
    random = np.random.RandomState(seed)
    for variable in head_variables(model):
        variable.assign(random.normal(0, 0.2, variable.shape))
    return model


@pytest.mark.parametrize("rates", ["1,2", "2", "6,12,18,24", "3,3"])
def test_equals_the_oracle_on_weights_under_the_names_of_the_release(rates, tmp_path):
    """From a file with torch's names to logits; ImageNet's normalization within."""
    numbers = [int(rate) for rate in rates.split(",")]
    made = oracle.weights(14, 2, 5, numbers)
    np.savez(tmp_path / "weights.npz", **made)
    model = DeepLabV2(14, 2, rates=rates).build_segmenter((33, 42, 3), 5)
    load(model, tmp_path / "weights.npz")

    logits = model(images())

    mean, deviation = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    x = ((images() + 1) / 2 - mean) / deviation
    x = oracle.head(oracle.features(x, made, 14, 8), made, numbers)
    expected = upsampling.upsample(x, 33, 42)
    assert logits.shape == (2, 33, 42, 5) and np.std(expected) > 0.5
    np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize(
    ("kind", "mean"),
    [("caffe", (103.939, 116.779, 123.68)), ("coco", (104.008, 116.669, 122.675))],
)
def test_caffe_normalization_is_bgr_less_the_mean(kind, mean):
    pixels = np.random.RandomState(0).randint(0, 256, (2, 3, 4, 3))
    x = (pixels / 127.5 - 1).astype(np.float32)

    result = InputNormalization(kind)(x)

    np.testing.assert_allclose(result, pixels[..., ::-1] - np.array(mean), atol=1e-4)
    if kind == "caffe":
        theirs = keras.applications.resnet.preprocess_input(pixels.astype(np.float32))
        np.testing.assert_allclose(result, theirs, atol=1e-4)


def test_imagenet_normalization():
    x = np.array([-1, 0, 1], np.float32)[:, None, None, None] * np.ones((1, 1, 1, 3))

    result = InputNormalization("imagenet")(x)[:, 0, 0]

    grey = np.array([0, 0.5, 1])[:, None]
    expected = (grey - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(result, expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["imagenet", "caffe", "coco"])
def test_normalization_is_a_part_of_the_network(kind):
    """A network with it equals one without on images normalized before."""
    config = dataclasses.replace(SMALL, normalization=kind)
    within = other_head(config.build_segmenter((None, None, 3), 3))
    without = SMALL.build_segmenter((None, None, 3), 3)
    without.set_weights(within.get_weights())

    expected = without(InputNormalization(kind)(images()))

    np.testing.assert_allclose(within(images()), expected, rtol=1e-4, atol=1e-5)
    assert np.max(np.abs(without(images()) - expected)) > 1e-3


def test_normalization_is_not_rounded_in_half_precision():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    x = np.full((1, 1, 1, 3), 254 / 127.5 - 1, np.float32)

    result = InputNormalization("caffe")(x)

    assert result.dtype == "float32"
    np.testing.assert_allclose(result[0, 0, 0, 0], 254 - 103.939, atol=1e-4)


def test_images_without_three_channels_are_not_normalized():
    with pytest.raises(UsageError, match="3 channels and these have 1"):
        DeepLabV2(14, 2).build_segmenter((9, 9, 1), 3)
    model = SMALL.build_segmenter((9, 9, 1), 3)
    assert model(images(9, 9, channels=1)).shape == (2, 9, 9, 3)


def test_the_head_of_deeplab_v2_on_resnet_101():
    """Four convolutions of 2048 x 21 3x3 kernels with biases; two in DMT's release."""
    model = DeepLabV2(14).build_segmenter((None, None, 3), 21)

    assert [tuple(v.shape) for v in head_variables(model)] == [
        (3, 3, 2048, 21),
        (21,),
    ] * 4
    names = [f"aspp_{index}" for index in range(4)]
    rates = [model.get_layer(name).dilation_rate for name in names]
    assert rates == [(6, 6), (12, 12), (18, 18), (24, 24)]
    # PyTorch's start: uniform between -1 / sqrt(inputs) and 1 / sqrt(inputs).
    bound = (9 * 2048) ** -0.5
    for variable in head_variables(model):
        assert 0.8 * bound < np.abs(variable).max() <= bound
    trained = {id(variable) for variable in model.trainable_variables}
    assert all(id(variable) in trained for variable in head_variables(model))


def test_head_variables_are_few_of_all():
    model = SMALL.build_segmenter((None, None, 3), 3)
    head = head_variables(model)

    assert len(head) == 4 and len(model.trainable_variables) == 4 + 3 * (1 + 4 * 4)
    frozen = model.get_layer("aspp_0")
    frozen.trainable = False
    assert len(head_variables(model)) == 2


@pytest.mark.parametrize("shape", [(33, 42, 3), (None, None, 3)])
def test_logits_have_the_size_of_the_images(shape):
    model = SMALL.build_segmenter(shape, 5)

    assert model.input_shape == (None, *shape)
    assert model.output_shape == (None, *shape[:2], 5)
    for sides in [(33, 42)] if shape[0] else [(33, 42), (16, 50), (1, 1)]:
        assert model(images(*sides)).shape == (2, *sides, 5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_logits_are_float32_under_every_policy(policy):
    exact = other_head(SMALL.build_segmenter((None, None, 3), 5))
    keras.mixed_precision.set_global_policy(policy)
    model = SMALL.build_segmenter((None, None, 3), 5)
    model.set_weights(exact.get_weights())

    with tf.GradientTape() as tape:
        logits = model(images())
        loss = tf.reduce_mean(logits**2)
    gradients = tape.gradient(loss, model.trainable_variables)

    assert logits.dtype == model.outputs[0].dtype == "float32"
    half = policy.replace("mixed_", "")
    assert model.get_layer("aspp_0").compute_dtype == half
    expected = exact(images()).numpy()
    np.testing.assert_allclose(logits, expected, atol=0.05 * np.abs(expected).max())
    assert all(g is not None and np.all(np.isfinite(g)) for g in gradients)


def test_every_rate_gets_a_gradient():
    """None of the convolutions is declared and then left out."""
    model = DeepLabV2(14, 2).build_segmenter((65, 65, 3), 3)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(model(images(65, 65)) ** 2)
    gradients = tape.gradient(loss, head_variables(model))
    assert len(gradients) == 2 * 4
    for gradient in gradients:
        assert np.any(np.abs(gradient) > 1e-8)


def test_a_model_is_saved_and_loaded(tmp_path):
    config = dataclasses.replace(SMALL, normalization="caffe")
    model = other_head(config.build_segmenter((None, None, 3), 3))
    model.save(tmp_path / "model.keras")

    loaded = keras.models.load_model(tmp_path / "model.keras")

    np.testing.assert_allclose(loaded(images()), model(images()), rtol=1e-6)


def test_settings_are_declared_and_checked():
    assert declared("mixdmt_tf.models.deeplab_v2") == settings_of(DeepLabV2)
    config = DeepLabV2()
    assert (config.depth, config.layout, config.output_stride) == (101, "torch", 8)
    assert config.atrous_rates == (6, 12, 18, 24)
    assert config.head_learning_rate_multiplier == 1.0
    assert DeepLabV2(rates=" 6, 12").atrous_rates == (6, 12)
    for wrong in ("", "6,", "6;12", "0", "-6", "1.5", "six", "²", "9" * 30):
        with pytest.raises(UsageError, match="expected positive integers"):
            DeepLabV2(rates=wrong)
    with pytest.raises(UsageError, match="normalization='bgr'"):
        DeepLabV2(normalization="bgr")
    kinds = next(s for s in settings_of(DeepLabV2) if s.name == "normalization").choices
    assert set(kinds) == {"none", *input_normalization._NORMALIZATIONS}


@pytest.mark.parametrize(
    ("freeze", "trained"),
    [
        ("none", ("conv1", "bn1", "layer", "aspp_")),
        ("encoder", ("aspp_",)),
        ("until:layer3_0_conv1", ("layer3", "layer4", "aspp_")),
    ],
)
def test_first_layers_can_keep_their_weights(freeze, trained):
    config = dataclasses.replace(SMALL, freeze=freeze)
    model = config.build_segmenter((None, None, 3), 3)
    learning = {each.name for each in model.layers if each.trainable_weights}
    every = {each.name for each in model.layers if each.weights}
    assert learning == {name for name in every if name.startswith(trained)} != set()


def test_a_layer_to_freeze_up_to_must_be_there():
    config = dataclasses.replace(SMALL, freeze="until:layer9")
    with pytest.raises(UsageError, match="deeplab_v2 has no layer of this name"):
        config.build_segmenter((None, None, 3), 3)
    with pytest.raises(UsageError, match="expected none, encoder or until:LAYER"):
        DeepLabV2(freeze="all")
