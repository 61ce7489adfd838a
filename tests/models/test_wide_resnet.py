"""The wide residual network of MixMatch and RealMix; its DMT form where both agree."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.errors import UsageError
from mixdmt_tf.models import wide_resnet
from mixdmt_tf.models.wide_resnet import WideResNet
from tests.oracles import wide_resnet as oracle

SMALL = [
    (WideResNet(10, 1, 3), (8, 8, 1), 4),
    (WideResNet(10, 2, 2), (7, 6, 3), 5),
    (WideResNet(16, 1, 2), (8, 8, 3), 3),
    (WideResNet(10, 3, 1), (5, 5, 3), 3),
    (WideResNet(10, 1, 4), (9, 9, 3), 2),
    (WideResNet(10, 1, 3, form="dmt"), (8, 8, 1), 4),
    (WideResNet(16, 2, 2, form="dmt"), (7, 6, 3), 5),
    (WideResNet(10, 1, 4, form="dmt"), (9, 9, 3), 2),
]


def images(shape, count=3, seed=0):
    pixels = np.random.RandomState(seed).uniform(-1, 1, (count, *shape))
    return pixels.astype(np.float32)


def randomized(model, seed=0):
    """No weight, bias or statistic is left at a value that would hide it."""
    random = np.random.RandomState(seed)
    weights = []
    for weight in model.weights:
        if "variance" in weight.name or "gamma" in weight.name:
            weights.append(random.uniform(0.5, 2, weight.shape))
        else:
            weights.append(random.normal(0, 0.2, weight.shape))
    model.set_weights(weights)
    return model


def layers(model):
    """The weights of each kind of layer, in the order from the images to the logits."""
    found = {"conv3": [], "conv1": [], "norm": [], "dense": []}
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            found[f"conv{layer.kernel_size[0]}"].append(layer.get_weights())
        elif isinstance(layer, keras.layers.BatchNormalization):
            found["norm"].append(layer.get_weights())
        elif isinstance(layer, keras.layers.Dense):
            found["dense"].append(layer.get_weights())
    return found


def count(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def of_kind(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


def test_wrn_28_2_has_the_published_size():
    """1,469,642 for ten classes of 32x32x3, running statistics not counted."""
    model = WideResNet().build((32, 32, 3), 10)

    assert count(model) == 1_469_642
    assert oracle.trainable_parameters(28, 2, 3, 3, 10) == 1_469_642
    assert len(of_kind(model, keras.layers.Conv2D)) == 1 + 2 * 12 + 3
    assert model.output_shape == (None, 10)


@pytest.mark.parametrize(("config", "shape", "classes"), SMALL)
def test_size_of_other_depths_widths_and_stages(config, shape, classes):
    expected = oracle.trainable_parameters(
        config.depth, config.width, config.stages, shape[-1], classes, config.form
    )

    assert count(config.build(shape, classes)) == expected


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("config", "shape", "classes"), SMALL)
def test_forward_pass_equals_the_oracle(config, shape, classes, training):
    """Order within blocks, which shortcut sees what, strides, padding, slope."""
    model = randomized(config.build(shape, classes))
    weights = {kind: iter(found) for kind, found in layers(model).items()}
    x = images(shape)

    expected = oracle.forward(
        x, weights, config.depth, config.width, config.stages, training, config.form
    )

    # A logit near 0 is the difference of sums of about 1.
    found = model(x, training=training)
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-5)
    assert all(next(rest, None) is None for rest in weights.values())


@pytest.mark.parametrize(("config", "shape", "classes"), SMALL[:2] + SMALL[6:7])
def test_portable_network_is_the_same_of_stock_layers(config, shape, classes):
    """Same weights in the same order, same values, same running statistics after."""
    usual = randomized(config.build(shape, classes))
    portable = config.build(shape, classes, portable=True)
    portable.set_weights(usual.get_weights())
    x = images(shape)

    shapes = [[tuple(w.shape) for w in model.weights] for model in (usual, portable)]
    assert shapes[0] == shapes[1]
    for training in (False, True, False):  # the third sees moved statistics
        expected = usual(x, training=training)
        np.testing.assert_allclose(portable(x, training=training), expected, rtol=1e-5)
        if compat.KERAS_3:  # whose own layer moves its variance another way
            portable.set_weights(usual.get_weights())
    own = compat.KERAS_3 or config.form == "mixmatch"
    assert ("mixdmt_tf" in usual.to_json()) == own
    assert "mixdmt_tf" not in portable.to_json()
    for layer in portable.layers:
        assert type(layer).__module__.split(".")[0] == "keras"


@pytest.mark.parametrize(
    ("policy", "portable"),
    [
        ("float32", False),
        ("mixed_bfloat16", False),
        ("mixed_bfloat16", True),
        ("mixed_float16", False),
    ],
)
def test_logits_are_float32_under_every_policy(policy, portable):
    """The layers between compute in half precision; weights are float32."""
    shape = (8, 8, 3)
    exact = randomized(WideResNet(10, 1).build(shape, 4))
    keras.mixed_precision.set_global_policy(policy)
    model = WideResNet(10, 1).build(shape, 4, portable)
    model.set_weights(exact.get_weights())

    logits = model(images(shape))

    assert logits.dtype == model.outputs[0].dtype == "float32"
    assert {compat.tf_variable(w).dtype for w in model.weights} == {tf.float32}
    half = policy.replace("mixed_", "")
    assert of_kind(model, keras.layers.Conv2D)[1].compute_dtype == half
    assert of_kind(model, keras.layers.Add)[0].compute_dtype == half
    expected = exact(images(shape)).numpy()
    np.testing.assert_allclose(logits, expected, atol=0.03 * np.abs(expected).max())


def test_batch_normalization_is_that_of_the_papers():
    """Momentum .999, epsilon 1e-3, scale and shift learned; one before each ReLU."""
    norms = of_kind(
        WideResNet(16, 1).build((8, 8, 3), 4), keras.layers.BatchNormalization
    )

    assert len(norms) == 2 * 6 + 1
    for norm in norms:
        assert (norm.momentum, norm.epsilon) == (0.999, 1e-3)
        assert norm.scale and norm.center


def test_momentum_can_be_chosen():
    config = WideResNet(10, 1, batch_norm_momentum=0.9)
    model = config.build((8, 8, 3), 4)

    norms = of_kind(model, keras.layers.BatchNormalization)
    assert {norm.momentum for norm in norms} == {0.9}


def test_convolutions_start_with_he_fan_out():
    """N(0, 2 / (k^2 f)), not truncated, and biases of zero."""
    model = WideResNet(10, 4, 2).build((8, 8, 3), 4)
    normed = []
    for layer in of_kind(model, keras.layers.Conv2D):
        kernel, bias = layer.get_weights()
        deviation = np.sqrt(2 / (layer.kernel_size[0] ** 2 * layer.filters))
        assert not np.any(bias)
        np.testing.assert_allclose(kernel.std(), deviation, rtol=0.15)
        normed.append(kernel.ravel() / deviation)
    normed = np.concatenate(normed)
    np.testing.assert_allclose(normed.std(), 1, rtol=0.01)
    # Keras's truncated normal has none beyond two of its deviations (2.27 of ours).
    np.testing.assert_allclose(np.mean(np.abs(normed) > 2), 0.0455, atol=0.003)
    assert np.abs(normed).max() > 3.5


def test_dense_layer_starts_with_glorot_normal():
    model = WideResNet(10, 4, 3).build((8, 8, 3), 100)

    kernel, bias = model.get_layer("logits").get_weights()

    assert kernel.shape == (256, 100) and not np.any(bias)
    np.testing.assert_allclose(kernel.std(), np.sqrt(2 / 356), rtol=0.02)
    np.testing.assert_allclose(
        np.mean(np.abs(kernel) > np.sqrt(2 / 356)), 0.33, atol=0.03
    )


def test_kernels_can_be_told_by_their_names():
    """Weight decay goes by them: convolutions and the dense layer, nothing else."""
    model = WideResNet(10, 1).build((8, 8, 3), 4)

    for weight in model.trainable_weights:
        assert ("kernel" in weight.name) == (len(weight.shape) > 1), weight.name


@pytest.mark.parametrize("depth", [0, 4, 9, 11, 27, 106])
def test_depths_that_blocks_cannot_make_are_refused(depth):
    with pytest.raises(UsageError, match=f"depth={depth}: expected"):
        WideResNet(depth=depth)


@pytest.mark.parametrize("depth", [10, 16, 28, 100])
def test_depth_counts_layers_with_weights(depth):
    """4, and 6 for each block of a stage."""
    assert WideResNet(depth=depth).blocks * 6 + 4 == depth


@pytest.mark.parametrize(
    "wrong", [{"width": 0}, {"stages": 0}, {"batch_norm_momentum": 1.5}]
)
def test_sizes_out_of_range_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(UsageError, match=f"{name}=.*: expected"):
        WideResNet(**wrong)


def test_it_is_found_by_its_name():
    assert wide_resnet.__name__ == "mixdmt_tf.models.wide_resnet"
    assert WideResNet(10, 1).build((8, 8, 1), 2).name == "wide_resnet"
