"""Projective transforms of a batch."""

import ast
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import mixdmt_tf
from mixdmt_tf.compat import KERAS_3
from mixdmt_tf.data.augment.transform import implementation, stand_in, transform
from tests.data.augment import examples
from tests.data.classification.graphs import assert_same_in_tf_data

IDENTITY = (1, 0, 0, 0, 1, 0, 0, 0)


def some_transforms(count, seed=0):
    """Turned, scaled, moved and seen in perspective: float32 [count, 8]."""
    random = np.random.RandomState(seed)
    scale = np.array([0.4, 0.4, 6, 0.4, 0.4, 6, 0.01, 0.01])
    rows = IDENTITY + random.uniform(-1, 1, (count, 8)) * scale
    return rows.astype(np.float32)


def by_hand(image, row, interpolation, colour):
    """One pixel after the other; what lies outside has the colour."""
    height, width, channels = image.shape
    result = np.zeros(image.shape)
    a, b, c, d, e, f, g, h = map(float, row)

    def pixel(y, x):
        inside = 0 <= y < height and 0 <= x < width
        return image[y, x].astype(float) if inside else np.array(colour, float)

    for y in range(height):
        for x in range(width):
            k = g * x + h * y + 1
            right, down = (a * x + b * y + c) / k, (d * x + e * y + f) / k
            if interpolation == "nearest":
                result[y, x] = pixel(int(np.rint(down)), int(np.rint(right)))
                continue
            top, left = int(np.floor(down)), int(np.floor(right))
            for i in (0, 1):
                for j in (0, 1):
                    share = (1 - abs(down - top - i)) * (1 - abs(right - left - j))
                    result[y, x] += share * pixel(top + i, left + j)
    return result


@pytest.mark.parametrize("colour", [(0, 0, 0), (10, 200, 77)])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_equals_the_loop(interpolation, colour):
    """Nearest to the pixel, bilinear to one level (float32, rounded)."""
    images, transforms = examples.noise(12, (9, 13, 3)), some_transforms(12)

    result = transform(images, transforms, interpolation, fill=colour).numpy()

    expected = [
        by_hand(image, row, interpolation, colour)
        for image, row in zip(images, transforms)
    ]
    tolerance = 0 if interpolation == "nearest" else 0.51
    np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_each_image_may_have_a_colour(interpolation):
    """As if each were transformed alone; a level is a colour of equal channels."""
    images, transforms = examples.noise(6, (9, 13, 3)), some_transforms(6)
    colours = examples.noise(6, (1, 1, 3), 9)[:, 0, 0]
    colours[0] = 99

    result = transform(images, transforms, interpolation, fill=colours)

    for row in range(6):
        one = slice(row, row + 1)
        fill = tuple(int(level) for level in colours[row])
        alone = transform(images[one], transforms[one], interpolation, fill=fill)
        np.testing.assert_array_equal(result[row], alone[0])
    level = transform(images[:1], transforms[:1], interpolation, fill=99)
    np.testing.assert_array_equal(result[0], level[0])


@pytest.mark.parametrize("fill", [0, 255, (10, 200, 77)])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_identity_and_far_away(interpolation, fill):
    """The one changes nothing, the other shows nothing but the fill, exactly."""
    images = examples.noise(2, (9, 13, 3))
    away = (1, 0, 50, 0, 1, 0, 0, 0)

    result = transform(images, [IDENTITY, away], interpolation, fill=fill).numpy()

    np.testing.assert_array_equal(result[0], images[0])
    assert np.all(result[1] == fill)


@pytest.mark.skipif(KERAS_3, reason="TensorFlow Addons need Keras 2")
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_stand_in_equals_the_addons(interpolation, dtype):
    addons = implementation()
    images = examples.noise(20, (9, 13, 3)).astype(dtype)
    transforms = some_transforms(20)

    ours = stand_in(images, transforms, interpolation, fill_value=7.0)
    theirs = addons(images, transforms, interpolation, fill_value=7.0)

    assert addons.__module__.startswith("tensorflow_addons")
    assert ours.dtype == dtype
    np.testing.assert_array_equal(ours, theirs)


def test_addons_are_imported_on_first_use_and_nowhere_else():
    """The notice that their end has come costs nobody who does not transform."""
    importers = set()
    for path in Path(mixdmt_tf.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = [getattr(node, "module", None) or ""]
            names += [
                alias.name
                for alias in getattr(node, "names", []) or []
                if isinstance(alias, ast.alias)
            ]
            if any(name.startswith("tensorflow_addons") for name in names):
                importers.add(path.name)
                assert node not in tree.body
    assert importers == {"transform.py"}


@pytest.mark.filterwarnings("error")
def test_first_use_may_be_inside_tf_data():
    """Silently; no part of the import stays in the graph."""
    implementation.cache_clear()

    assert_same_in_tf_data(transform, examples.noise(5), some_transforms(5))


def test_shape_is_known_while_tracing():
    images = tf.TensorSpec([5, 8, 6, 3], tf.uint8)
    transforms = tf.TensorSpec([5, 8], tf.float32)
    for fill in (0, (1, 2, 3)):
        traced = tf.function(lambda i, t, fill=fill: transform(i, t, fill=fill))
        function = traced.get_concrete_function(images, transforms)
        assert function.structured_outputs.shape == [5, 8, 6, 3]
