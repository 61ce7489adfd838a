"""Bilinear upsampling that keeps the corners in place."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.models.layers.upsampling import Upsampling, upsample
from tests.oracles import upsampling as oracle

SIZES = [  # (h, w), (height, width)
    ((41, 33), (81, 129)),
    ((3, 5), (7, 8)),
    ((2, 2), (5, 3)),
    ((1, 1), (4, 3)),
    ((1, 4), (6, 5)),
    ((4, 6), (1, 1)),
    ((5, 7), (3, 2)),
    ((4, 3), (4, 3)),
]


def maps(size, count=2, channels=3, seed=0):
    shape = (count, *size, channels)
    return np.random.RandomState(seed).normal(0, 3, shape).astype(np.float32)


@pytest.mark.parametrize(("size", "out"), SIZES)
def test_equals_the_oracle(size, out):
    result = upsample(tf.constant(maps(size)), *out)

    assert result.dtype == "float32" and result.shape == (2, *out, 3)
    np.testing.assert_allclose(result, oracle.upsample(maps(size), *out), atol=1e-4)


def test_by_hand():
    """Corners stay; a point in the middle is the mean of its neighbours."""
    x = tf.constant([[[[0.0], [2.0]], [[4.0], [10.0]]]])

    result = upsample(x, 3, 5)[0, :, :, 0]

    expected = [[0, 0.5, 1, 1.5, 2], [2, 3, 4, 5, 6], [4, 5.5, 7, 8.5, 10]]
    np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_is_not_the_resizing_of_tensorflow_2():
    x = maps((3, 3))

    theirs = tf.image.resize(x, (7, 7), "bilinear")

    assert np.max(np.abs(theirs - upsample(x, 7, 7))) > 0.1


def test_a_plane_stays_a_plane():
    """Row and column as values: exact at every point, up to float32."""
    rows, columns = np.meshgrid(np.arange(6.0), np.arange(4.0), indexing="ij")
    x = np.stack([rows, columns], -1)[None].astype(np.float32)

    result = upsample(x, 321, 200).numpy()[0]

    expected = np.meshgrid(
        np.linspace(0, 5, 321), np.linspace(0, 3, 200), indexing="ij"
    )
    np.testing.assert_allclose(result, np.stack(expected, -1), atol=2e-5)


@pytest.mark.parametrize(("size", "out"), SIZES)
def test_gradient_is_the_transpose(size, out):
    """Of a linear map: <dy, A x> = <A^T dy, x> for the oracle's A."""
    x, dy = tf.constant(maps(size)), maps(out, seed=1)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(upsample(x, *out) * dy)
    gradient = tape.gradient(loss, x)

    other = maps(size, seed=2)
    expected = np.sum(dy * oracle.upsample(other, *out))
    scale = np.sum(np.abs(dy * oracle.upsample(np.abs(other), *out)))
    np.testing.assert_allclose(np.sum(gradient * other), expected, atol=1e-5 * scale)


@pytest.mark.parametrize("half", ["bfloat16", "float16"])
def test_is_computed_in_float32(half):
    """Halves between neighbouring numbers of the half precision are kept."""
    x = tf.cast(maps((3, 4)), half)
    with tf.GradientTape() as tape:
        tape.watch(x)
        result = upsample(x, 9, 9)
    gradient = tape.gradient(result, x)

    assert result.dtype == "float32" and gradient.dtype == half
    exact = oracle.upsample(tf.cast(x, tf.float32).numpy(), 9, 9)
    np.testing.assert_allclose(result, exact, atol=1e-5)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_layer_takes_the_size_of_its_second_input(policy):
    keras.mixed_precision.set_global_policy(policy)
    x, like = maps((3, 5)), np.zeros((2, 9, 12, 1), np.float32)

    result = Upsampling()([x, like])

    assert result.dtype == "float32"
    np.testing.assert_array_equal(result, upsample(x, 9, 12))


@pytest.mark.parametrize("sides", [(None, None), (9, 12)])
def test_layer_in_a_network_for_one_or_all_sizes(sides):
    x, like = keras.Input((None, None, 3)), keras.Input((*sides, 1))
    model = keras.Model([x, like], Upsampling()([x, like]))
    assert model.output_shape == (None, *sides, 3)

    graph = tf.function(model)
    for size in ((9, 12), (11, 7)) if sides == (None, None) else ((9, 12),):
        result = graph([maps((3, 5)), tf.zeros((2, *size, 1))])
        expected = oracle.upsample(maps((3, 5)), *size)
        np.testing.assert_allclose(result, expected, atol=1e-4)


def test_layer_is_saved_and_loaded(tmp_path):
    """In Keras's format, which the package's name in the file leads back to it."""
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    images = keras.Input((None, None, 1))
    pooled = keras.layers.MaxPooling2D(2)(images)
    model = keras.Model(images, Upsampling(name="logits")([pooled, images]))
    model.save(tmp_path / "model.keras")

    loaded = keras.models.load_model(tmp_path / "model.keras")

    x = maps((6, 8), channels=1)
    np.testing.assert_array_equal(loaded(x), model(x))
    layer = loaded.get_layer("logits")
    assert isinstance(layer, Upsampling) and loaded(x).dtype == "float32"
