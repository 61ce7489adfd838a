"""The small network for segmentation."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.errors import UsageError
from mixdmt_tf.models.small_segmenter import SmallSegmenter


def images(height=20, width=27, count=2, channels=3):
    shape = (count, height, width, channels)
    return np.random.RandomState(0).uniform(-1, 1, shape).astype(np.float32)


def randomized(model):
    random = np.random.RandomState(0)
    values = [
        random.uniform(0.5, 1.5, w.shape)
        if "variance" in w.name or "gamma" in w.name
        else random.normal(0, 0.2, w.shape)
        for w in model.weights
    ]
    model.set_weights(values)
    return model


@pytest.mark.parametrize("shape", [(20, 27, 3), (None, None, 3), (9, 8, 1), (1, 1, 3)])
@pytest.mark.parametrize("output_stride", [4, 8])
def test_logits_have_the_size_of_the_images(shape, output_stride):
    config = SmallSegmenter(2, 2, output_stride)
    model = config.build_segmenter(shape, 5)

    assert model.output_shape == (None, *shape[:2], 5)
    sides = [(20, 27), (33, 16)] if shape[0] is None else [shape[:2]]
    for height, width in sides:
        logits = model(images(height, width, channels=shape[-1]))
        assert logits.shape == (2, height, width, 5) and logits.dtype == "float32"
        assert np.all(np.isfinite(logits))


def test_size_by_hand():
    """Kernels without biases, four values of a normalization a channel, two learned."""
    w, c = 16, 5
    kernels = [(3, w), (w, 2 * w), (2 * w, 4 * w), *[(4 * w, 4 * w)] * 4]
    kernels += [(4 * w, w), (2 * w, 2 * w)]
    expected = sum(9 * a * b + 2 * b for a, b in kernels) + 2 * w * c + c

    model = SmallSegmenter().build_segmenter((32, 32, 3), c)

    learned = sum(int(np.prod(v.shape)) for v in model.trainable_weights)
    assert learned == expected and 150_000 < learned < 300_000


def test_sees_as_far_as_its_dilated_convolutions():
    """Rates 1, 2, 4, 8: the first pixels count 60 away, and without not."""
    change = images(8, 96, 1)
    other = change.copy()
    other[0, 0, 0] += 1
    moved = {}
    for depth in (1, 4):
        model = randomized(SmallSegmenter(4, depth).build_segmenter((8, 96, 3), 3))
        moved[depth] = np.max(np.abs(model(change) - model(other)), (0, 1, 3)) > 1e-6

    assert np.any(moved[4][56:]) and not np.any(moved[1][24:])


@pytest.mark.parametrize("side", [8, 9])
def test_features_lie_on_every_second_pixel_from_the_first(side):
    """Feature j sees pixels 2j-1 to 2j+1, whether sides are even or odd."""
    model = SmallSegmenter(1, 1, 8).build_segmenter((side, side, 1), 2)
    strided = [
        index
        for index, layer in enumerate(model.layers)
        if isinstance(layer, keras.layers.Conv2D) and layer.strides == (2, 2)
    ]
    assert len(strided) == 3
    padding, convolution = model.layers[strided[0] - 1 : strided[0] + 1]
    convolution.set_weights([np.ones((3, 3, 1, 1))])
    points = np.eye(side, dtype=np.float32)[:, None, :, None] * np.ones((side, 1, 1))

    seen = convolution(padding(points)).numpy()[:, 0, :, 0] > 0

    columns = np.arange(side)[:, None]
    expected = np.abs(columns - 2 * np.arange(-(-side // 2))) <= 1
    np.testing.assert_array_equal(seen, expected)


def test_prefers_no_side():
    """With symmetric kernels, a mirrored image has mirrored logits."""
    model = SmallSegmenter(8, 1).build_segmenter((33, 33, 3), 2)
    random = np.random.RandomState(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel, *bias = layer.get_weights()
            kernel = random.normal(0, 0.1, kernel.shape)
            # Equal in both directions, so that the network itself prefers no side.
            kernel = (kernel + kernel[::-1]) / 2
            kernel = (kernel + kernel[:, ::-1]) / 2
            layer.set_weights([kernel, *bias])
    x = images(33, 33, 1)

    logits = model(x).numpy()

    mirrored = model(x[:, ::-1, ::-1]).numpy()[:, ::-1, ::-1]
    np.testing.assert_allclose(mirrored, logits, atol=1e-5)
    assert np.std(logits[0, :, :, 0]) > 1e-4


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_every_weight_learns_under_every_policy(policy):
    keras.mixed_precision.set_global_policy(policy)
    model = randomized(SmallSegmenter(4, 2).build_segmenter((None, None, 3), 3))
    with tf.GradientTape() as tape:
        logits = model(images(), training=False)
        loss = tf.reduce_mean(logits**2)
    gradients = tape.gradient(loss, model.trainable_variables)

    assert logits.dtype == model.outputs[0].dtype == "float32"
    for weight, gradient in zip(model.trainable_weights, gradients):
        assert gradient is not None and np.any(gradient.numpy() != 0), weight.name


def test_learns():
    """Which half of an image is brighter, pixel by pixel, in a few steps."""
    x = images(16, 16, 8) * 0.1
    x[:, :, 5:] += 0.5
    y = np.broadcast_to(np.arange(16) >= 5, (8, 16, 16)).astype(np.int32)
    model = SmallSegmenter(8, 2).build_segmenter((16, 16, 3), 2)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)

    model.fit(x, y, batch_size=8, epochs=30, verbose=0)

    assert np.mean(np.argmax(model(x, training=True), -1) == y) > 0.95


def test_two_replicas_train():
    """No state in Python: a step under a strategy, variables alike on both replicas."""
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        model = SmallSegmenter(2, 1).build_segmenter((8, 8, 3), 2)

    @tf.function
    def step():
        def one():
            index = tf.distribute.get_replica_context().replica_id_in_sync_group
            with tf.GradientTape() as tape:
                shown = images(8, 8) + tf.cast(index, tf.float32)
                logits = model(shown, training=True)
                loss = tf.reduce_mean(logits**2)
            return tape.gradient(loss, model.trainable_variables)[0]

        return strategy.run(one)

    first, second = strategy.experimental_local_results(step())
    assert np.any(first != second) and np.all(np.isfinite(first))


def test_a_model_is_saved_and_loaded(tmp_path):
    model = randomized(SmallSegmenter(2, 1).build_segmenter((None, None, 3), 2))
    model.save(tmp_path / "model.keras")

    loaded = keras.models.load_model(tmp_path / "model.keras")

    np.testing.assert_allclose(loaded(images()), model(images()), rtol=1e-6)


def test_other_settings_are_refused():
    with pytest.raises(UsageError, match="output_stride=16: expected one of 4, 8"):
        SmallSegmenter(output_stride=16)
    with pytest.raises(UsageError, match="depth=0"):
        SmallSegmenter(depth=0)
