"""Cutout."""

import numpy as np
import pytest

from mixdmt_tf.data.augment.cutout import UNIFORMS, cutout
from tests.data.augment import examples
from tests.data.classification.graphs import assert_same_in_tf_data
from tests.oracles import image_operations as oracle


def holes(count, side, size=16, seed=0):
    """Which pixels are covered: bool [count, size, size]."""
    black = np.zeros((count, size, size, 1), np.uint8)
    sides = np.full(count, side, np.float32)
    covered = cutout(black, examples.uniforms(count, UNIFORMS, seed), sides, 255)
    return covered.numpy()[..., 0] == 255


@pytest.mark.parametrize("fill", [0, 255, (125, 123, 114)])
@pytest.mark.parametrize("shape", [(32, 32, 3), (8, 8, 1), (12, 20, 3)])
def test_equals_the_loop(shape, fill):
    """With sides of all sizes, those larger than the image included."""
    images, uniforms = examples.noise(60, shape), examples.uniforms(60, UNIFORMS)
    sides = np.linspace(0, 45, 60).astype(np.float32)

    result = cutout(images, uniforms, sides, fill)

    expected = [
        oracle.cutout(image, side, centre, fill)
        for image, side, centre in zip(images, sides, uniforms.astype(float))
    ]
    np.testing.assert_array_equal(result, expected)


def test_no_side_no_patch():
    """Also less than a pixel."""
    images, uniforms = examples.noise(2), examples.uniforms(2, UNIFORMS)

    result = cutout(images, uniforms, np.array([0, 0.99], "f"), 0)

    np.testing.assert_array_equal(result, images)


@pytest.mark.parametrize("side", [1, 5, 6])
def test_patch_is_a_square_inside_and_less_at_the_border(side):
    """Anywhere between 1 and `side` rows and columns, and mostly all of them."""
    for hole in holes(300, side):
        tall, wide = hole.any(1).sum(), hole.any(0).sum()
        assert hole.sum() == tall * wide
        assert 1 <= max(tall, wide) <= side
    whole = (holes(2000, side).sum((1, 2)) == side * side).mean()
    assert abs(whole - ((16 - side + 1) / 16) ** 2) < 0.04


def test_centres_are_uniform():
    """A patch of one pixel: 256 places, 40 expected in each."""
    hits = holes(256 * 40, 1).sum(0)

    assert hits.sum() == 256 * 40
    assert hits.min() > 15 and hits.max() < 70


def test_smallest_and_largest_numbers():
    """The corners of the image; nothing lies outside."""
    uniforms = np.array([[0, 0], [examples.LARGEST, examples.LARGEST]], "f")
    black = np.zeros((2, 97, 33, 1), np.uint8)

    first, last = cutout(black, uniforms, np.ones(2, "f"), 255).numpy()[..., 0]

    assert first[0, 0] == 255 and last[-1, -1] == 255
    assert np.sum(first) == np.sum(last) == 255


def test_same_inside_tf_data():
    def sixteen(images, uniforms, sides):
        return cutout(images, uniforms, sides, (1, 2, 3))

    sides = np.full(20, 16, np.float32)
    uniforms = examples.uniforms(20, UNIFORMS)
    assert_same_in_tf_data(sixteen, examples.noise(20), uniforms, sides)
