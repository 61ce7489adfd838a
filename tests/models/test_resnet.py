"""Dilated residual networks, against keras.applications, and against themselves."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.errors import UsageError
from mixdmt_tf.models import resnet
from mixdmt_tf.models.resnet import ResNet, features
from tests.oracles import resnet as oracle

LAYOUTS = pytest.mark.parametrize("layout", ["torch", "keras"])


def extractor(config, sides=(None, None)):
    images = keras.Input((*sides, 3), name="image")
    return keras.Model(images, features(config, images))


def images(height, width, count=1, seed=0):
    shape = (count, height, width, 3)
    return np.random.RandomState(seed).normal(0, 1, shape).astype(np.float32)


def randomized(model, seed=0):
    """No weight, bias or statistic is left at a value that would hide it."""
    random = np.random.RandomState(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            shape = layer.get_weights()[0].shape
            gamma, variance = random.uniform(0.5, 1.5, (2, *shape))
            beta, mean = random.normal(0, 0.2, (2, *shape))
            layer.set_weights([gamma, beta, mean, variance])
        elif isinstance(layer, keras.layers.Conv2D):
            kernel, *bias = layer.get_weights()
            deviation = (2 / np.prod(kernel.shape[:3])) ** 0.5
            kernel = random.normal(0, deviation, kernel.shape)
            layer.set_weights([kernel, *[random.normal(0, 0.2, b.shape) for b in bias]])
    return model


def learned(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


@pytest.mark.long
def test_equals_keras_applications_at_output_stride_32():
    """ResNet-50 in the layout keras: same names, same shapes, same values."""
    theirs = randomized(
        keras.applications.ResNet50(False, None, input_shape=(None, None, 3))
    )
    ours = extractor(ResNet(50, layout="keras", output_stride=32))
    assert len(theirs.weights) == len(ours.weights) == 318
    for layer in theirs.layers:
        if layer.weights:
            ours.get_layer(layer.name).set_weights(layer.get_weights())

    x = images(64, 65)
    expected = theirs(x)
    assert np.max(np.abs(expected)) > 1
    np.testing.assert_allclose(ours(x), expected, rtol=1e-3, atol=1e-3)
    norms = [x for x in ours.layers if isinstance(x, keras.layers.BatchNormalization)]
    expected = theirs.get_layer("conv1_bn")
    for norm in norms:
        assert (norm.momentum, norm.epsilon) == (expected.momentum, expected.epsilon)


@pytest.mark.parametrize("output_stride", [8, 16, 32])
@pytest.mark.parametrize("depth", [14, 26])
def test_layout_torch_equals_the_oracle(depth, output_stride):
    """torchvision's network in NumPy, dilation in place of strides included."""
    made = oracle.weights(depth, 2, 3, [6])
    model = extractor(ResNet(depth, 2, output_stride=output_stride))
    for layer in model.layers:
        name = layer.name.replace("_", ".")
        if isinstance(layer, keras.layers.Conv2D):
            layer.set_weights([made[f"{name}.weight"].transpose(2, 3, 1, 0)])
        elif isinstance(layer, keras.layers.BatchNormalization):
            parts = ("weight", "bias", "running_mean", "running_var")
            layer.set_weights([made[f"{name}.{part}"] for part in parts])

    x = images(33, 50, 2)
    expected = oracle.features(x, made, depth, output_stride)
    np.testing.assert_allclose(model(x), expected, rtol=1e-3, atol=1e-3)


@LAYOUTS
@pytest.mark.parametrize("sides", [(97, 130)])
def test_dilation_computes_the_same_and_more(layout, sides):
    """At every point that the coarser network has, borders included."""
    config = ResNet(26, 2, layout)
    made = {}
    for stride in (32, 16, 8):
        model = extractor(dataclasses.replace(config, output_stride=stride))
        made[stride] = randomized(model)(images(*sides)).numpy()
        expected = tuple(-(-side // stride) for side in sides)
        assert made[stride].shape[1:3] == expected

    np.testing.assert_allclose(made[8][:, ::2, ::2], made[16], atol=1e-4, rtol=1e-4)
    np.testing.assert_allclose(made[8][:, ::4, ::4], made[32], atol=1e-4, rtol=1e-4)
    assert np.std(made[8]) > 0.1


@LAYOUTS
def test_dilation_is_the_dense_evaluation(layout):
    """Points in between: what the coarse network says of an image that is shifted.

    A feature of this depth sees 65 pixels to each side at most; the one compared is
    farther from all borders, since the shifted image ends elsewhere.
    """
    fine = randomized(extractor(ResNet(14, 2, layout, 8)))
    coarse = randomized(extractor(ResNet(14, 2, layout, 32)))
    x = images(224, 224)
    dense = fine(x).numpy()

    for down, right in ((0, 3), (1, 2), (3, 1)):
        shifted = coarse(x[:, 8 * down :, 8 * right :]).numpy()
        inner = dense[:, down::4, right::4][:, 3:4, 3:4]
        np.testing.assert_allclose(shifted[:, 3:4, 3:4], inner, atol=1e-4, rtol=1e-4)


@pytest.mark.long
@pytest.mark.parametrize(
    ("depth", "layout", "expected"),
    [
        # Published totals less the classifier.
        (50, "torch", 25_557_032 - 2_049_000),
        (101, "torch", 44_549_160 - 2_049_000),
        (50, "keras", 25_583_592 - 2_049_000),
    ],
)
def test_has_the_published_number_of_parameters(depth, layout, expected):
    model = extractor(ResNet(depth, layout=layout))

    assert learned(model) == expected
    assert oracle.parameters(depth, biases=layout == "keras") == expected
    convolutions = [x for x in model.layers if isinstance(x, keras.layers.Conv2D)]
    assert len(convolutions) == depth - 1 + 4
    assert model.output_shape == (None, None, None, 2048)


@LAYOUTS
@pytest.mark.parametrize(
    ("sides", "stem", "pooled", "stage_2"),
    [
        ((321, 321), (161, 161), (81, 81), (41, 41)),
        ((505, 505), (253, 253), (127, 127), (64, 64)),
        ((256, 512), (128, 256), (64, 128), (32, 64)),
        ((512, 1024), (256, 512), (128, 256), (64, 128)),
    ],
)
def test_feature_sizes_are_those_of_dmt(layout, sides, stem, pooled, stage_2):
    model = extractor(ResNet(14, 1, layout), sides)
    names = {"torch": ("conv1", "layer2_0_out"), "keras": ("conv1_conv",)}[layout]

    assert model.get_layer(names[0]).output.shape[1:3] == stem
    assert model.get_layer("pool1_pool").output.shape[1:3] == pooled
    last = model.get_layer({"torch": "layer2_0_out"}.get(layout, "conv3_block1_out"))
    assert last.output.shape[1:3] == stage_2
    assert model.output_shape[1:3] == stage_2


def test_dilations_at_output_stride_8():
    """First block of a stage: that of the stage before (torch), the new one (keras)."""
    plan = [b[3] for b in oracle.plan(26, 8)]
    assert plan == [1, 1, 1, 1, 1, 2, 2, 4]  # torchvision's
    for layout, firsts in (("torch", (1, 1, 1, 2)), ("keras", (1, 1, 2, 4))):
        model = extractor(ResNet(26, 1, layout))
        seen = {}
        for layer in model.layers:
            if isinstance(layer, keras.layers.Conv2D) and layer.kernel_size == (3, 3):
                stage = layer.name.split("_")[0]
                seen.setdefault(stage, []).append(layer.dilation_rate[0])
        rates = list(seen.values())
        assert [len(stage) for stage in rates] == [2, 2, 2, 2]
        assert tuple(stage[0] for stage in rates) == firsts
        for stage, rest in zip(rates, (1, 1, 2, 4)):
            assert set(stage[1:]) == {rest}


@LAYOUTS
def test_every_weight_gets_a_gradient(layout):
    model = randomized(extractor(ResNet(14, 2, layout)))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(images(33, 40), training=False) ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)

    for weight, gradient in zip(model.trainable_weights, gradients):
        assert gradient is not None and np.any(np.abs(gradient) > 1e-6), weight.name


def test_starts_with_he_fan_out_in_the_layout_torch():
    """N(0, 2 / (k^2 filters)), not truncated."""
    model = extractor(ResNet(14, 16))
    kernel = model.get_layer("layer4_0_conv2").get_weights()[0]

    deviation = (2 / (9 * 128)) ** 0.5
    np.testing.assert_allclose(kernel.std(), deviation, rtol=0.01)
    assert np.abs(kernel).max() > 3.5 * deviation


def test_momentum_is_the_layouts_own_unless_given():
    assert ResNet().momentum == 0.9
    assert ResNet(layout="keras").momentum == 0.99
    assert ResNet(layout="keras").for_run(10**6).batch_norm_momentum == 0.99
    assert ResNet(layout="keras").for_run(1000).batch_norm_momentum == 0.98
    assert ResNet(batch_norm_momentum=0.5).for_run(1000).momentum == 0.5
    model = extractor(ResNet(14, 1, batch_norm_momentum=0.5))
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    assert {(norm.momentum, norm.epsilon) for norm in norms} == {(0.5, 1e-5)}


def test_other_settings_are_refused():
    with pytest.raises(UsageError, match="depth=34: expected one of 14, 26, 50, 101"):
        ResNet(34)
    with pytest.raises(UsageError, match="output_stride=4"):
        ResNet(output_stride=4)
    with pytest.raises(UsageError, match="layout='caffe'"):
        ResNet(layout="caffe")
    assert set(resnet._BLOCKS) == set(oracle.BLOCKS)
