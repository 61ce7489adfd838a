"""Every operation against Pillow, and each image with the operation drawn for it."""

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.data.augment import transform
from mixdmt_tf.data.augment.operations import (
    COVERING,
    NAMES,
    Colours,
    operate,
    operate_each,
)
from tests.data.augment import examples
from tests.data.classification.graphs import assert_same_in_tf_data
from tests.oracles import image_operations as oracle

# Parameters to draw between; wider than any policy's. Then some that matter.
PARAMETERS = {
    "posterize": (0, 9, [0, 1, 8]),
    "solarize": (0, 256, [0, 1, 128, 255, 256]),
    "solarize_add": (0, 255, [0, 110, 255]),
    "color": (0, 2, [0, 1, 2, 0.1, 1.9]),
    "contrast": (0, 2, [0, 1, 2, 0.1, 1.9]),
    "brightness": (0, 2, [0, 1, 2, 0.1, 1.9]),
    "sharpness": (0, 2, [0, 1, 2, 0.1, 1.9]),
    "shear_x": (-0.5, 0.5, [0, 0.25, -0.25, 0.5, -0.5, 0.1, 0.3, -0.3]),
    "shear_y": (-0.5, 0.5, [0, 0.25, -0.25, 0.5, -0.5, 0.1, 0.3, -0.3]),
    "translate_x": (-40, 40, [0, 0.5, -0.5, 1.5, -1.5, 100, -100, 32]),
    "translate_y": (-40, 40, [0, 0.5, -0.5, 1.5, -1.5, 100, -100, 32]),
    "rotate": (-45, 45, [0, 30, -30, 45, -45, 3, 27]),
    "cutout": (0, 40, [0, 1, 2, 3, 16, 100]),
    "cutout_as_released": (0, 40, [0, 1, 2, 3, 16, 100]),
}
COLOURS = [Colours(0, 0), Colours(127, 127), Colours((125, 123, 114), (1, 200, 77))]


def parameters(name, count, seed=5):
    """Random ones, and those that matter first: float32 [count]."""
    low, high, special = PARAMETERS.get(name, (0, 1, []))
    values = np.random.RandomState(seed).uniform(low, high, count)
    values[: len(special)] = special[:count]
    return values.astype(np.float32)


def assert_equals_pillow(name, images, values, colours, centres=None):
    if centres is None:
        centres = examples.uniforms(len(images), 2)
    result = operate(name, tf.constant(images), values, centres, colours)
    expected = [
        oracle.operation(
            name, image, float(value), centre, colours.outside, colours.patch
        )
        for image, value, centre in zip(images, values, centres.astype(float))
    ]
    assert result.dtype == tf.uint8
    np.testing.assert_array_equal(result, np.stack(expected))


@pytest.mark.parametrize("kind", examples.KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_equals_pillow_to_the_pixel(name, kind):
    """Noise, flat images, real ones, tiny ones, grey ones."""
    images = examples.KINDS[kind]()
    values = parameters(name, len(images))

    assert_equals_pillow(name, images, values, COLOURS[0])


@pytest.mark.parametrize("colours", COLOURS[1:])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", [*sorted(oracle.SIGNED), *COVERING])
def test_paints_in_the_colour(name, channels, colours):
    """A level or a colour, whose luma grey images get."""
    images = examples.noise(30, (16, 24, channels))

    assert_equals_pillow(name, images, parameters(name, 30), colours)


@pytest.mark.parametrize("name", sorted(oracle.SIGNED))
def test_without_addons_pixels_are_the_same(name, monkeypatch):
    """Where TensorFlow Addons do not exist, the stand-in moves them."""
    monkeypatch.setattr(transform, "implementation", lambda: transform.stand_in)
    images = examples.noise(40)

    assert_equals_pillow(name, images, parameters(name, 40), COLOURS[0])
    assert_equals_pillow(name, images, parameters(name, 40), COLOURS[2])


@pytest.mark.parametrize("degrees", [90, -90, 180, 270, 360])
def test_quarter_turns(degrees):
    """They are exact: every pixel lands on a pixel."""
    images = examples.noise(3, (32, 32, 3))
    turned = np.rot90(images, degrees // 90, (1, 2))
    values = np.full(3, degrees, np.float32)

    result = operate("rotate", images, values, None, COLOURS[0])

    np.testing.assert_array_equal(result, turned)


@pytest.mark.parametrize("name", sorted(oracle.SIGNED))
def test_large_images_are_almost_the_same(name):
    """Beyond 128 pixels, coordinates have fewer bits: at most 1 pixel in 5000."""
    images = examples.noise(6, (200, 300, 3))
    values = parameters(name, 6)[:6]

    result = operate(name, tf.constant(images), values, None, COLOURS[0]).numpy()

    for image, value, made in zip(images, values, result):
        expected = oracle.operation(name, image, float(value))
        assert np.mean(np.any(made != expected, -1)) < 2e-4


def test_grey_images_have_no_colour_to_change():
    images = examples.noise(5, (8, 8, 1))

    result = operate("color", tf.constant(images), np.zeros(5, "f"), None, COLOURS[0])

    np.testing.assert_array_equal(result, images)


@pytest.mark.parametrize("colours", COLOURS)
@pytest.mark.parametrize("name", NAMES)
def test_no_image_at_all(name, colours):
    """Whoever draws an operation, others may be drawn by nobody."""
    nothing = tf.zeros([0, 32, 32, 3], tf.uint8)

    result = operate(name, nothing, tf.zeros([0]), tf.zeros([0, 2]), colours)

    assert result.shape == (0, 32, 32, 3)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", NAMES)
def test_size_need_not_be_known(name, channels):
    """Traced once for batches and images of any size."""
    specs = [
        tf.TensorSpec([None, None, None, channels], tf.uint8),
        tf.TensorSpec([None], tf.float32),
        tf.TensorSpec([None, 2], tf.float32),
    ]
    traced = tf.function(lambda i, v, c: operate(name, i, v, c, COLOURS[2]), specs)

    for shape in [(7, 9, channels), (12, 5, channels)]:
        images, values = examples.noise(4, shape), parameters(name, 4)
        centres = examples.uniforms(4, 2)
        direct = operate(name, tf.constant(images), values, centres, COLOURS[2])
        np.testing.assert_array_equal(traced(images, values, centres), direct)


def drawn(count, seed=0):
    """For images of every operation: places in NAMES, parameters, coins, centres."""
    random = np.random.RandomState(seed)
    chosen = random.randint(0, len(NAMES), count).astype(np.int32)
    values = [parameters(NAMES[place], 50)[random.randint(50)] for place in chosen]
    applied = random.uniform(size=count) < 0.8
    return chosen, np.array(values, "f"), applied, examples.uniforms(count, 2)


def each(images, chosen, values, applied, centres):
    return operate_each(NAMES, images, chosen, values, applied, centres, COLOURS[2])


def test_every_image_gets_its_own():
    """In its own place, with its own parameter; or stays as it is."""
    images = examples.noise(150, (12, 10, 3))
    chosen, values, applied, centres = drawn(150)

    results = each(images, chosen, values, applied, centres).numpy()

    for row, (image, made) in enumerate(zip(images, results)):
        one = slice(row, row + 1)
        expected = operate(
            NAMES[chosen[row]], image[None], values[one], centres[one], COLOURS[2]
        )
        np.testing.assert_array_equal(made, expected[0] if applied[row] else image)


def test_images_do_not_depend_on_each_other():
    """Any order and any selection gives the same images, bit by bit."""
    inputs = (examples.noise(120, (16, 16, 3)), *drawn(120))
    together = each(*inputs).numpy()
    random = np.random.RandomState(2)

    for rows in [random.permutation(120), random.permutation(120)[:31], [5], [7, 7]]:
        part = each(*(values[rows] for values in inputs))
        np.testing.assert_array_equal(part, together[rows])


def test_same_inside_tf_data():
    assert_same_in_tf_data(each, examples.noise(100, (16, 16, 3)), *drawn(100))
