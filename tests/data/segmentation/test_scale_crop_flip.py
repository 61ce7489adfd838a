"""One draw for an image and its maps."""

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.data.segmentation.scale_crop_flip import UNIFORMS, scale_crop_flip
from tests.oracles import segmentation as oracle


def _sample(height, width, seed=0):
    random = np.random.RandomState(seed)
    image = random.randint(0, 256, (height, width, 3)).astype(np.uint8)
    labels = random.randint(0, 5, (height, width)).astype(np.uint8)
    return image, labels, random.uniform(size=(height, width)).astype(np.float32)


def _draws(count, seed=1):
    return np.random.RandomState(seed).uniform(size=(count, UNIFORMS)).astype("f")


def _compare(results, expected):
    np.testing.assert_allclose(results[0], expected[0], atol=2e-3)
    np.testing.assert_array_equal(results[1], expected[1])
    np.testing.assert_array_equal(results[2], expected[2])


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(
    ("size", "crop", "scale"),
    [
        ((12, 16), (9, 11), (0.5, 1.5)),  # smaller and larger than the crop
        ((12, 16), (20, 30), (0.5, 1.5)),  # always padded
        ((20, 7), (8, 9), (0.5, 1.5)),  # padded on one side only
        ((15, 10), (7, 6), (1.0, 1.0)),
        ((9, 14), (8, 8), (2.0, 3.0)),
        ((2, 3), (4, 4), (0.1, 0.5)),  # down to one pixel
    ],
)
def test_equals_scaling_padding_cropping_flipping(size, crop, scale, flip):
    """All at once is the same as one after the other."""
    sample = _sample(*size)
    for uniforms in _draws(12):
        results = scale_crop_flip(*sample, uniforms, crop, scale, flip, (9, 80, 200))
        expected = oracle.scale_crop_flip(
            *sample, uniforms, crop, scale, flip, (9, 80, 200)
        )
        _compare(results, expected)


@pytest.mark.parametrize("value", [0.0, np.float32(1 - 2**-24)])
def test_the_smallest_and_largest_draws(value):
    """The first and the last place, the smallest and almost the largest scale."""
    sample, uniforms = _sample(10, 12), np.full(4, value, np.float32)
    _compare(
        scale_crop_flip(*sample, uniforms, (5, 5)),
        oracle.scale_crop_flip(*sample, uniforms, (5, 5)),
    )


def test_without_scale_pixels_stay_as_they_are():
    """A crop of the image is a crop of its maps; every place is drawn."""
    image, labels, confidence = _sample(6, 7)
    seen = set()
    for uniforms in _draws(120):
        results = scale_crop_flip(
            image, labels, confidence, uniforms, (4, 4), (1.0, 1.0), False
        )
        found = [
            (top, left)
            for top in range(3)
            for left in range(4)
            if np.array_equal(results[0], image[top : top + 4, left : left + 4])
        ]
        (place,) = found
        rows, columns = slice(place[0], place[0] + 4), slice(place[1], place[1] + 4)
        np.testing.assert_array_equal(results[1], labels[rows, columns])
        np.testing.assert_array_equal(results[2], confidence[rows, columns])
        seen.add(place)
    assert len(seen) == 12


def test_maps_stay_with_their_pixels():
    """An image that shows its own labels still does, wherever it goes."""
    labels = np.kron(np.random.RandomState(0).randint(0, 5, (6, 8)), np.ones((8, 8)))
    labels = labels.astype(np.uint8)
    image = np.repeat(labels[..., None] * 50, 3, axis=2)
    confidence = labels.astype(np.float32) / 10
    for uniforms in _draws(20):
        picture, moved, sure = scale_crop_flip(
            image, labels, confidence, uniforms, (40, 90), fill=(255, 255, 255)
        )
        inside = moved.numpy() != 255
        np.testing.assert_allclose(sure, np.where(inside, moved.numpy() / 10, 0), 1e-6)
        shown = picture.numpy()[..., 0] / 50
        assert (np.abs(shown - moved)[inside] < 0.5).mean() > 0.85
        assert (picture.numpy()[~inside] == 255).all()


def test_padding_with_the_mean():
    """Of the image before it is cut; no label, no confidence."""
    image, labels, confidence = _sample(4, 4)
    uniforms = np.array([0.5, 0.5, 0.5, 0.9], np.float32)
    picture, moved, sure = scale_crop_flip(
        image, labels, confidence, uniforms, (6, 6), fill=None
    )
    np.testing.assert_allclose(picture[5, 5], image.mean((0, 1)), rtol=1e-5)
    assert moved[5, 5] == 255 and sure[5, 5] == 0 and moved[3, 3] == labels[3, 3]


def test_in_a_graph_that_knows_no_size():
    """Images of different sizes in one data set, and one trace."""
    samples = [_sample(8 + 3 * i, 20 - 2 * i, seed=i) for i in range(5)]
    uniforms = _draws(5)
    traces = []

    def apply(image, labels, confidence, drawn):
        traces.append(1)
        return scale_crop_flip(image, labels, confidence, drawn, (9, 10))

    data = tf.data.Dataset.from_generator(
        lambda: ((*sample, drawn) for sample, drawn in zip(samples, uniforms)),
        output_signature=(
            tf.TensorSpec([None, None, 3], tf.uint8),
            tf.TensorSpec([None, None], tf.uint8),
            tf.TensorSpec([None, None], tf.float32),
            tf.TensorSpec([UNIFORMS], tf.float32),
        ),
    ).map(apply)
    assert [spec.shape.as_list() for spec in data.element_spec] == [
        [9, 10, 3],
        [9, 10],
        [9, 10],
    ]
    for results, sample, drawn in zip(data, samples, uniforms):
        direct = scale_crop_flip(*sample, drawn, (9, 10))
        for one, other in zip(results, direct):
            np.testing.assert_array_equal(one, other)
    assert len(traces) == 1
