"""The embedded digits."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from mixdmt_tf.data.classification import datasets
from mixdmt_tf.data.classification.config import Config


@pytest.fixture(scope="module", name="digits")
def load():
    """The source; nothing in a Config matters but its name."""
    return datasets.load(Config(dataset="digits", image_size=64, data_dir="nowhere"))


def test_sizes(digits):
    """Ten classes, about a fifth of the images for testing."""
    assert digits.image_shape == (8, 8, 1)
    assert digits.class_names == tuple("0123456789")
    assert (len(digits.train), len(digits.test)) == (1442, 355)
    assert digits.validation is None


def test_every_fifth_image_of_a_class_is_for_testing(digits):
    """In the order of scikit-learn, and scaled from 0..16 to 0..255."""
    bunch = load_digits()
    expected_train, expected_test = [], []
    met = dict.fromkeys(range(10), 0)
    for image, label in zip(bunch.images, bunch.target):
        met[label] += 1
        (expected_train, expected_test)[met[label] % 5 == 0].append((image, label))
    for part, expected in (
        (digits.train, expected_train),
        (digits.test, expected_test),
    ):
        assert part.labels.tolist() == [label for _, label in expected]
        exact = np.array([image for image, _ in expected]) * 255 / 16
        assert np.abs(part.images[..., 0] - exact).max() <= 0.5
    assert (digits.train.images.min(), digits.train.images.max()) == (0, 255)


def test_augmentation_keeps_digits_what_they_are(digits):
    """A mirrored 2 is none, and two pixels are a quarter of the image."""
    assert not digits.flip
    assert digits.crop_padding == 1


def test_the_data_are_the_same_as_ever(digits):
    """Or else saved splits mean other images."""
    assert digits.fingerprint().startswith("8d7615db1e108cae81ac0d531c859f12")
