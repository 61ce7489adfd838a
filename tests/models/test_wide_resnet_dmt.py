"""The wide residual network in DMT's form: what sets it apart from MixMatch's."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.errors import UsageError
from mixdmt_tf.models.wide_resnet import WideResNet
from tests.models.test_wide_resnet import count, images, of_kind, randomized
from tests.oracles import wide_resnet as oracle


def dmt(depth=10, width=1, stages=3, **settings):
    return WideResNet(depth, width, stages, form="dmt", **settings)


def test_wrn_28_2_has_the_size_of_the_release():
    """1,467,610 for ten classes of 32x32x3: the biases of 28 convolutions fewer."""
    model = dmt(28, 2).build((32, 32, 3), 10)

    assert count(model) == 1_467_610
    assert oracle.trainable_parameters(28, 2, 3, 3, 10, "dmt") == 1_467_610
    assert len(of_kind(model, keras.layers.Conv2D)) == 1 + 2 * 12 + 3
    assert not any(layer.use_bias for layer in of_kind(model, keras.layers.Conv2D))
    assert model.output_shape == (None, 10) and model.name == "wide_resnet"


def test_the_forms_are_different_networks():
    """Equal weights, different answers; and the default is MixMatch's."""
    assert WideResNet() == WideResNet(form="mixmatch")
    theirs = randomized(WideResNet(10, 1).build((8, 8, 3), 4))
    ours = dmt().build((8, 8, 3), 4)
    body = [w for w in theirs.weights[:-2] if "bias" not in w.name]
    ours.set_weights([w.numpy() for w in [*body, *theirs.weights[-2:]]])

    assert np.all(np.abs(ours(images((8, 8, 3))) - theirs(images((8, 8, 3)))) > 1e-3)


def test_one_pixel_of_padding_on_each_side_where_the_image_is_halved():
    """Output (i, j) of such a convolution sees rows 2i-1..2i+1, columns 2j-1..2j+1."""
    shape = (8, 8, 1)
    model = dmt(10, 1, 2).build(shape, 2)
    first = next(
        layer
        for layer in of_kind(model, keras.layers.Conv2D)
        if layer.strides == (2, 2) and layer.kernel_size == (3, 3)
    )
    padding = model.layers[model.layers.index(first) - 1]
    assert isinstance(padding, keras.layers.ZeroPadding2D)
    first.set_weights([np.ones(first.get_weights()[0].shape)])

    seen = np.zeros((4, 4, 8, 8), bool)
    for row in range(8):
        for column in range(8):
            x = np.zeros((1, 8, 8, 16), np.float32)
            x[0, row, column] = 1
            seen[:, :, row, column] = first(padding(x)).numpy()[0, :, :, 0] > 0

    near = np.abs(np.arange(8) - 2 * np.arange(4)[:, None]) <= 1
    np.testing.assert_array_equal(seen, near[:, None, :, None] & near[None, :, None])


def test_batch_normalization_is_that_of_the_release():
    """Momentum .9 (torch: .1), epsilon 1e-5, scale and shift learned."""
    norms = of_kind(dmt(16).build((8, 8, 3), 4), keras.layers.BatchNormalization)

    assert len(norms) == 2 * 6 + 1
    for norm in norms:
        assert (norm.momentum, norm.epsilon) == (0.9, 1e-5)
        assert norm.scale and norm.center


@pytest.mark.parametrize(("form", "own"), [("mixmatch", 0.999), ("dmt", 0.9)])
def test_momentum_is_the_forms_own_unless_given(form, own):
    """A run's record holds the number, which `for_run` fills in."""
    config = WideResNet(10, 1, form=form)
    assert config.batch_norm_momentum is None
    assert config.for_run(524288) == config.for_run(524288).for_run(1)
    assert config.for_run(524288).batch_norm_momentum == own
    for built in (config, config.for_run(524288)):
        norms = of_kind(built.build((8, 8, 3), 4), keras.layers.BatchNormalization)
        assert {norm.momentum for norm in norms} == {own}
    for given in (0.0, 0.9, 0.95, 0.999, 1.0):
        config = WideResNet(10, 1, form=form, batch_norm_momentum=given)
        assert config.for_run(300).batch_norm_momentum == given
        model = config.build((8, 8, 3), 4)
        norms = of_kind(model, keras.layers.BatchNormalization)
        assert {norm.momentum for norm in norms} == {given}


def test_convolutions_start_with_he_fan_out():
    """N(0, 2 / (k^2 f)), not truncated: torch's kaiming_normal_, mode fan_out."""
    normed = []
    for layer in of_kind(dmt(10, 4, 2).build((8, 8, 3), 4), keras.layers.Conv2D):
        (kernel,) = layer.get_weights()
        deviation = np.sqrt(2 / (layer.kernel_size[0] ** 2 * layer.filters))
        np.testing.assert_allclose(kernel.std(), deviation, rtol=0.15)
        normed.append(kernel.ravel() / deviation)
    normed = np.concatenate(normed)
    np.testing.assert_allclose(normed.std(), 1, rtol=0.01)
    assert np.abs(normed).max() > 3.5


def test_dense_layer_starts_as_torch_has_it():
    """Uniform between -1/sqrt(inputs) and 1/sqrt(inputs); the bias is 0."""
    model = dmt(10, 4).build((8, 8, 3), 100)

    kernel, bias = model.get_layer("logits").get_weights()

    assert kernel.shape == (256, 100) and not np.any(bias)
    assert 0.999 / 16 < np.abs(kernel).max() <= 1 / 16
    np.testing.assert_allclose(kernel.std(), 1 / 16 / np.sqrt(3), rtol=0.02)


@pytest.mark.parametrize("form", ["mixmatch", "dmt"])
def test_every_weight_gets_a_gradient(form):
    """With running statistics, where biases before a normalization count, too."""
    model = randomized(WideResNet(10, 1, form=form).build((8, 8, 3), 4))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(images((8, 8, 3)), training=False) ** 2)
    for weight, gradient in zip(
        model.trainable_weights, tape.gradient(loss, model.trainable_variables)
    ):
        assert gradient is not None and np.any(np.abs(gradient) > 1e-6), weight.name


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("portable", [False, True])
def test_logits_are_float32_under_every_policy(policy, portable):
    shape = (8, 8, 3)
    exact = randomized(dmt().build(shape, 4))
    keras.mixed_precision.set_global_policy(policy)
    model = dmt().build(shape, 4, portable)
    model.set_weights(exact.get_weights())

    logits = model(images(shape))

    assert logits.dtype == model.outputs[0].dtype == "float32"
    half = policy.replace("mixed_", "")
    for kind in (keras.layers.ZeroPadding2D, keras.layers.ReLU, keras.layers.Conv2D):
        assert {layer.compute_dtype for layer in of_kind(model, kind)} == {half}
    expected = exact(images(shape)).numpy()
    np.testing.assert_allclose(logits, expected, atol=0.03 * np.abs(expected).max())


def test_other_forms_are_refused():
    with pytest.raises(UsageError, match="form='torch': expected one of mixmatch, dmt"):
        WideResNet(form="torch")
