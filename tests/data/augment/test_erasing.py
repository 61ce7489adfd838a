"""Random erasing."""

import numpy as np
import pytest

from mixdmt_tf.data.augment.erasing import ATTEMPTS, UNIFORMS, random_erasing
from tests.data.classification.graphs import assert_same_in_tf_data
from tests.oracles import erasing as oracle

WHITE = 255  # no grey value is: every erased pixel of a white image shows


def numbers(count, seed=0):
    return np.random.RandomState(seed).uniform(size=(count, UNIFORMS)).astype("f")


def erased(count, size=32, seed=0, always=True):
    """White images after erasing, and boolean masks of what was erased."""
    uniforms = numbers(count, seed)
    if always:
        uniforms[:, 0] = 0
    white = np.full((count, size, size, 1), WHITE, np.uint8)
    images = random_erasing(white, uniforms).numpy()
    return images, images[..., 0] != WHITE


@pytest.mark.parametrize("shape", [(32, 32, 3), (8, 8, 1), (12, 20, 3)])
def test_equals_the_loop(shape):
    """Fed with the same numbers, those of rectangles that do not fit included."""
    pixels = np.random.RandomState(1).randint(0, 256, (300,) + shape)
    images, uniforms = pixels.astype(np.uint8), numbers(300)

    expected = oracle.random_erasing(images, uniforms)

    np.testing.assert_array_equal(random_erasing(images, uniforms), expected)
    assert (expected != images).any((1, 2, 3)).sum() > 60


def test_three_of_ten_images_are_erased():
    """4000 images: 1200 expected, standard deviation 29."""
    _, holes = erased(4000, size=16, always=False)

    assert 1100 < holes.any((1, 2)).sum() < 1300


def test_what_is_erased_is_one_rectangle_of_one_grey():
    """In all channels; everything else stays."""
    uniforms = numbers(200)
    uniforms[:, 0] = 0
    white = np.full((200, 32, 32, 3), WHITE, np.uint8)

    for image in random_erasing(white, uniforms).numpy():
        rows, columns = np.nonzero((image != WHITE).any(-1))
        top, left = rows.min(), columns.min()
        hole = image[top : rows.max() + 1, left : columns.max() + 1]
        assert len(np.unique(hole)) == 1
        assert hole.shape[0] * hole.shape[1] == len(rows)


def test_area_and_aspect_stay_in_their_ranges():
    """Sides are rounded down, so true sides lie between h and h + 1."""
    _, holes = erased(2000)
    tall, wide = holes.any(2).sum(1), holes.any(1).sum(1)

    assert np.all(tall * wide <= 0.4 * 32 * 32)
    assert np.all((tall + 1) * (wide + 1) > 0.02 * 32 * 32)
    assert np.all(tall / (wide + 1) < 1 / 0.3)
    assert np.all((tall + 1) / wide > 0.3)
    # Both ends are reached.
    assert (tall * wide).max() > 0.35 * 32 * 32 and (tall * wide).min() < 0.03 * 32 * 32
    assert (tall / wide).max() > 2.5 and (wide / tall).max() > 2.5


def test_rectangles_are_distributed_as_the_loop_draws_them():
    """Against the loop with numbers of its own: means within four standard errors."""
    count = 3000
    _, holes = erased(count)
    tall, wide = holes.any(2).sum(1), holes.any(1).sum(1)
    top, left = holes.any(2).argmax(1), holes.any(1).argmax(1)
    random = np.random.RandomState(9)
    endless = iter(random.uniform, None)

    expected = np.array([oracle.rectangle(endless, 32, 32) for _ in range(count)])

    for made, wanted in zip((top, left, tall, wide), expected.T):
        tolerance = 4 * wanted.std() * np.sqrt(2 / count)
        assert abs(made.mean() - wanted.mean()) < tolerance
        assert abs(made.std() - wanted.std()) < tolerance


def test_grey_values_are_uniform():
    """0 to 254: one value for an image, drawn anew for the next."""
    images, holes = erased(3000)
    greys = np.array([image[hole][0, 0] for image, hole in zip(images, holes)])

    counts, _ = np.histogram(greys, bins=5, range=(0, 255))
    assert counts.sum() == 3000
    assert counts.min() > 500 and counts.max() < 700
    assert greys.min() < 5 and greys.max() > 249


def test_rectangles_reach_every_border():
    """A corner can be erased as well as the middle."""
    _, holes = erased(1000, size=16)

    assert holes.any(0).all()


def test_probability_is_the_first_number():
    """Below .3 the image is erased, from .3 on it is not."""
    uniforms = numbers(2)
    uniforms[:, 0] = [np.nextafter(np.float32(0.3), np.float32(0)), 0.3]
    white = np.full((2, 32, 32, 1), WHITE, np.uint8)

    changed = (random_erasing(white, uniforms).numpy() != WHITE).any((1, 2, 3))

    assert changed.tolist() == [True, False]


def test_image_stays_whole_when_no_attempt_fits():
    """Every corner drawn at the bottom right, where nothing fits; the last one does."""
    uniforms = np.full((2, UNIFORMS), 0.99, np.float32)
    uniforms[:, 0] = 0
    uniforms[1, -4:] = [0.5, 0.25, 0.0, 0.0]
    images = np.full((2, 32, 32, 1), 7, np.uint8)

    result = random_erasing(images, uniforms).numpy()

    np.testing.assert_array_equal(result[0], images[0])
    np.testing.assert_array_equal(result, oracle.random_erasing(images, uniforms))
    assert (result[1] != 7).any()


@pytest.mark.parametrize("size", [8, 32, 96])
def test_attempts_are_enough(size):
    """About a third of them fit into a square image."""
    random = np.random.RandomState(3)
    fitting = 0
    for _ in range(2000):
        try:
            oracle.rectangle(iter(random.uniform(size=4)), size, size)
            fitting += 1
        except StopIteration:
            pass

    assert (1 - fitting / 2000) ** ATTEMPTS < 1e-9


def test_same_inside_tf_data():
    images = np.random.RandomState(1).randint(0, 256, (60, 16, 16, 3)).astype(np.uint8)

    assert_same_in_tf_data(random_erasing, images, numbers(60))
