"""Weak augmentation: flip and crop."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.data.augment.crop_flip import UNIFORMS, crop_flip
from tests.data.classification.graphs import assert_same_in_tf_data
from tests.oracles import crop_flip as oracle


def noise(count, shape=(8, 6, 3), seed=0):
    """Images without any symmetry."""
    pixels = np.random.RandomState(seed).randint(0, 256, (count,) + shape)
    return pixels.astype(np.uint8)


def numbers(count, seed=1):
    return np.random.RandomState(seed).uniform(size=(count, UNIFORMS)).astype("f")


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("padding", [0, 1, 4, 5])
@pytest.mark.parametrize("shape", [(8, 6, 3), (6, 8, 1)])
def test_equals_padding_cropping_flipping(shape, padding, flip):
    """Images that are not square tell rows from columns."""
    images, uniforms = noise(200, shape), numbers(200)

    result = crop_flip(images, uniforms, padding, flip)

    expected = oracle.crop_flip(images, uniforms, padding, flip)
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("padding", [0, 1, 4, 5])
@pytest.mark.parametrize("shape", [(8, 6, 3), (6, 8, 1)])
def test_a_filled_border_equals_padding_with_grey(shape, padding, flip):
    """DMT's border; what is shifted in is not reflected and is mirrored, too."""
    images, uniforms = noise(200, shape), numbers(200)

    result = crop_flip(images, uniforms, padding, flip, fill=128)

    expected = oracle.crop_flip(images, uniforms, padding, flip, fill=128)
    np.testing.assert_array_equal(result, expected)
    if padding:
        reflected = crop_flip(images, uniforms, padding, flip)
        assert (result.numpy() != reflected.numpy()).any((1, 2, 3)).mean() > 0.7


@pytest.mark.parametrize("fill", [0, 255])
def test_black_and_white_borders(fill):
    """Nought is a level like any other; shape and dtype stay."""
    images, uniforms = noise(20), numbers(20)

    result = crop_flip(images, uniforms, 4, True, fill)

    expected = oracle.crop_flip(images, uniforms, 4, True, fill)
    np.testing.assert_array_equal(result, expected)
    assert result.dtype == np.uint8 and result.shape == images.shape


def test_smallest_and_largest_numbers():
    """The two opposite corners of the padded image; nothing lies outside."""
    image = noise(1)
    largest = np.nextafter(np.float32(1), np.float32(0))

    for number, corner in ((0.0, 0), (largest, 8)):
        uniforms = np.array([[number, number, 0.9]], np.float32)
        expected = oracle.variant(image[0], corner, corner, 4, False)
        np.testing.assert_array_equal(crop_flip(image, uniforms, 4, True)[0], expected)


def test_middle_number_leaves_the_image_in_place():
    image = noise(1)

    result = crop_flip(image, np.array([[0.5, 0.5, 0.5]], np.float32), 4, True)

    np.testing.assert_array_equal(result, image)


def test_no_padding_and_no_flip_is_identity():
    """Whatever was drawn."""
    images = noise(50)

    np.testing.assert_array_equal(crop_flip(images, numbers(50), 0, False), images)


def test_every_variant_equally_often():
    """18 images for a border of one pixel; 100 expected of each."""
    image = noise(1)
    count = 1800

    results = crop_flip(np.repeat(image, count, 0), numbers(count), 1, True).numpy()

    variants = oracle.variants(image[0], 1, True)
    made = [np.sum((results == each).all((1, 2, 3))) for each in variants]
    assert sum(made) == count
    assert min(made) > 60 and max(made) < 140


def test_rows_do_not_depend_on_each_other():
    """Each image has its own draws."""
    images, uniforms = noise(9), numbers(9)

    together = crop_flip(images, uniforms, 2, True)

    for row in range(9):
        alone = crop_flip(images[row : row + 1], uniforms[row : row + 1], 2, True)
        np.testing.assert_array_equal(together[row], alone[0])


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float32])
def test_keeps_shape_and_dtype(dtype):
    """Also label maps and floats; pixels are moved, never computed with."""
    images = noise(4).astype(dtype)

    result = crop_flip(images, numbers(4), 3, True)

    assert result.dtype == dtype
    np.testing.assert_array_equal(result, oracle.crop_flip(images, numbers(4), 3, True))


@pytest.mark.parametrize("fill", [None, 128])
@pytest.mark.parametrize("flip", [False, True])
def test_same_inside_tf_data(flip, fill):
    function = functools.partial(crop_flip, padding=3, flip=flip, fill=fill)

    assert_same_in_tf_data(function, noise(20), numbers(20))


def test_shape_is_known_while_tracing():
    """Networks need it."""
    images = tf.TensorSpec([5, 8, 6, 3], tf.uint8)
    uniforms = tf.TensorSpec([5, UNIFORMS], tf.float32)
    traced = tf.function(lambda i, u: crop_flip(i, u, 2, True))

    function = traced.get_concrete_function(images, uniforms)

    assert function.structured_outputs.shape == [5, 8, 6, 3]
