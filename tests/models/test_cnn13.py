"""The 13-layer network of Mean Teacher, VAT, Dual Student and Deep Co-Training."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.errors import UsageError
from mixdmt_tf.models.cnn13 import CNN13
from mixdmt_tf.models.layers.dropout import Dropout, fingerprint
from tests.models.test_wide_resnet import count, images, of_kind, randomized
from tests.oracles import cnn13 as oracle

CONV, NORM = keras.layers.Conv2D, keras.layers.BatchNormalization
SHAPES = [(32, 32, 3), (16, 12, 1), (8, 8, 1), (9, 7, 3), (1, 2, 3)]


def small(shape=(16, 16, 3), classes=4, portable=False, **settings):
    return CNN13(filters=4, **settings).build(shape, classes, portable)


def test_it_has_the_size_of_the_papers():
    """3.1 million for ten classes of 32x32x3; 9 convolutions."""
    model = CNN13().build((32, 32, 3), 10)

    assert count(model) == 3_121_802
    assert oracle.trainable_parameters(128, 3, 10) == 3_121_802
    convolutions = of_kind(model, CONV)
    assert [c.filters for c in convolutions] == [128] * 3 + [256] * 3 + [512, 256, 128]
    assert [c.kernel_size[0] for c in convolutions] == [3] * 7 + [1] * 2
    assert not any(c.use_bias for c in convolutions)
    assert model.output_shape == (None, 10) and model.name == "cnn13"


@pytest.mark.parametrize("filters", [1, 8])
@pytest.mark.parametrize("shape", [(8, 8, 1), (32, 32, 3)])
def test_filters_set_its_size_and_the_image_does_not(filters, shape):
    model = CNN13(filters=filters).build(shape, 5)

    assert count(model) == oracle.trainable_parameters(filters, shape[-1], 5)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_forward_pass_equals_the_oracle(shape, training):
    """Order of layers, padding, pooling, slope; images of any size."""
    model = randomized(small(shape))
    x = images(shape)

    expected = oracle.forward(
        x,
        [layer.get_weights()[0] for layer in of_kind(model, CONV)],
        [layer.get_weights() for layer in of_kind(model, NORM)],
        model.get_layer("logits").get_weights(),
        training,
    )

    np.testing.assert_allclose(
        model(x, training=training), expected, rtol=2e-3, atol=1e-4
    )


def test_portable_network_is_the_same_of_stock_layers():
    """Same weights in the same order, same values, same running statistics after."""
    for rate in (0.0, 0.5):
        usual, portable = (small(portable=p, dropout=rate) for p in (False, True))
        portable.set_weights(randomized(usual).get_weights())
        x = images((16, 16, 3))
        for training in (False, True, False) if rate == 0 else (False,):
            values = portable(x, training=training)
            expected = usual(x, training=training)
            np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6)
            if compat.KERAS_3:  # whose own layer moves its variance another way
                portable.set_weights(usual.get_weights())
        assert "mixdmt_tf" in usual.to_json()
        assert "mixdmt_tf" not in portable.to_json()
        assert bool(of_kind(portable, keras.layers.Dropout)) == bool(rate)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_logits_are_float32_under_every_policy(policy):
    exact = randomized(small(dropout=0.5))
    keras.mixed_precision.set_global_policy(policy)
    model = small(dropout=0.5)
    model.set_weights(exact.get_weights())

    for training in (False, True):  # dropout drops the same values
        logits = model(images((16, 16, 3)), training=training)
        assert logits.dtype == model.outputs[0].dtype == "float32"
        expected = exact(images((16, 16, 3)), training=training).numpy()
        allowed = (0.15 if training else 0.03) * np.abs(expected).max()
        np.testing.assert_allclose(logits, expected, atol=allowed)
    half = policy.replace("mixed_", "")
    assert {layer.compute_dtype for layer in of_kind(model, CONV)} == {half}


def test_batch_normalization_and_start():
    """Momentum .9 or as given, epsilon 1e-5; He's normal over the fan-in."""
    for settings, momentum in (({}, 0.9), ({"batch_norm_momentum": 0.99}, 0.99)):
        norms = of_kind(small(**settings), NORM)
        assert len(norms) == 9
        assert {(n.momentum, n.epsilon) for n in norms} == {(momentum, 1e-5)}
    for layer in of_kind(CNN13(filters=32).build((8, 8, 3), 4), CONV)[1:]:
        (kernel,) = layer.get_weights()
        deviation = np.sqrt(2 / np.prod(kernel.shape[:3]))
        np.testing.assert_allclose(kernel.std(), deviation, rtol=0.05)


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_every_weight_gets_a_gradient(rate):
    model = randomized(small(dropout=rate))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(images((16, 16, 3)), training=True) ** 2)
    for weight, gradient in zip(
        model.trainable_weights, tape.gradient(loss, model.trainable_variables)
    ):
        assert gradient is not None and np.any(np.abs(gradient) > 1e-6), weight.name


@pytest.mark.parametrize("wrong", [{"filters": 0}, {"dropout": 1.0}, {"dropout": -0.1}])
def test_settings_out_of_range_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(UsageError, match=f"{name}=.*: expected"):
        CNN13(**wrong)


def test_dropout_stands_behind_both_poolings_and_only_in_training():
    shape = (16, 16, 3)
    plain, dropping = small(), small(dropout=0.5)
    dropping.set_weights(randomized(plain).get_weights())
    kinds = [type(layer).__name__ for layer in dropping.layers]
    after = [kinds[i - 1] for i, kind in enumerate(kinds) if kind == "Dropout"]

    assert after == ["MaxPooling2D"] * 2 and "Dropout" not in small().to_json()
    np.testing.assert_array_equal(dropping(images(shape)), plain(images(shape)))
    trained = dropping(images(shape), training=True)
    assert np.any(np.abs(trained - plain(images(shape), training=True)) > 1e-2)


def test_masks_follow_from_the_images_and_nothing_else():
    """Repeated, restarted, traced or in a clone: the same; for other images another."""
    shape = (16, 16, 3)
    model = randomized(small(dropout=0.5))
    first = model(images(shape), training=True).numpy()

    keras.utils.set_random_seed(99)
    np.testing.assert_array_equal(model(images(shape), training=True), first)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone(images(shape), training=True), first)
    traced = tf.function(lambda x: model(x, training=True))
    np.testing.assert_allclose(traced(images(shape)), first, rtol=1e-4, atol=1e-5)
    other = images(shape)
    other[0, 0, 0, 0] = np.nextafter(other[0, 0, 0, 0], 2, dtype=np.float32)
    assert np.any(np.abs(model(other, training=True) - first) > 1e-2)


def test_masks_are_fair_scaled_and_independent():
    """A share of 1 - rate is kept and grows, in each row; no two places agree."""
    x, shown = tf.ones([64, 8, 8, 16]), tf.constant(images((8, 8, 3), 64))
    masks = [
        Dropout(rate, place)([x, shown], training=True).numpy()
        for rate, place in [(0.5, 0), (0.5, 1), (0.2, 0)]
    ]
    flipped = Dropout(0.5, 0)([x, shown[::-1]], training=True).numpy()

    assert set(np.unique(masks[0])) == {0, 2} and set(np.unique(masks[2])) == {0, 1.25}
    np.testing.assert_allclose(masks[0].mean((1, 2, 3)), 1, atol=0.13)
    np.testing.assert_allclose(masks[2].mean(), 1, atol=0.01)
    for other in (masks[1], flipped, masks[0][::-1]):
        agree = np.mean((masks[0] > 0) == (other > 0))
        np.testing.assert_allclose(agree, 0.5, atol=0.01)


def test_dropout_has_its_gradient_and_the_images_have_none_by_it():
    x, shown = tf.ones([4, 3, 3, 2]), tf.constant(images((8, 8, 3), 4))
    with tf.GradientTape() as tape:
        tape.watch([x, shown])
        y = Dropout(0.5, 0)([x, shown], training=True)
    by_x, by_images = tape.gradient(y, [x, shown])

    np.testing.assert_array_equal(by_x, y)
    assert by_images is None


def test_fingerprints_differ_by_value_and_by_place():
    base = images((8, 8, 3), 4)
    changed = []
    for row in range(4):
        for other in (base.copy() for _ in range(2)):
            other[row, 2, 3, 1] *= -1 if len(changed) % 2 else 1.0000001
            changed.append(other)
    changed += [base[::-1], base[:, ::-1], base[:, :, ::-1], base[:3]]

    found = {int(fingerprint(tf.constant(each))) for each in [base, base, *changed]}

    assert len(found) == 1 + len(changed)
