"""Images of embedded digits."""

import hashlib

import numpy as np
import pytest

from mixdmt_tf.data.segmentation import datasets
from mixdmt_tf.data.segmentation.checking import check
from mixdmt_tf.data.segmentation.config import Config
from mixdmt_tf.data.segmentation.datasets import digit_scenes


@pytest.fixture(scope="module", name="found")
def load():
    """The data set."""
    return datasets.load(Config(dataset="digit_scenes"))


def _uncached(part, number):
    return digit_scenes.compose.__wrapped__(part, number)


def test_sizes_and_classes(found):
    """Eleven classes of which digit d is d + 1; nothing is wrong with any image."""
    counts = [len(members) for _, members in found.parts()]
    assert counts == [400, 100, 100]
    assert found.class_names == ("background", *"0123456789")
    assert not found.flip
    assert found.train[3].image().shape == (48, 48, 3)
    check(found)


def test_a_sample_depends_on_its_number_alone(found):
    """Not on those asked for before; on no other machine is it another."""
    later = _uncached("train", 7)
    for number in (3, 399):
        _uncached("validation", number)
    for first, again in zip(later, _uncached("train", 7)):
        np.testing.assert_array_equal(first, again)
    pictures = {_uncached(part, 0)[0].tobytes() for part in digit_scenes.COUNTS}
    assert len(pictures) == 3
    digest = hashlib.sha256()
    for _, members in found.parts():
        for sample in members[:20]:
            digest.update(sample.image().tobytes() + sample.labels().tobytes())
    assert digest.hexdigest()[:16] == "1ed0c781a4fa7c2c"


def test_no_digit_is_seen_in_two_parts():
    """Real digits, all 1,797 of them, each in one part."""
    pools = [np.concatenate(part) for part in digit_scenes._digits()]
    assert [len(pool) for pool in pools] == [1085, 355, 357]
    flat = np.concatenate(pools).reshape(1797, -1)
    assert len(np.unique(flat, axis=0)) == 1797


def test_classes_are_about_equally_frequent(found):
    """Most is background, each digit has a like share, edges are thin."""
    labels = np.stack([sample.labels() for sample in found.train])
    shares = np.bincount(labels.ravel(), minlength=256) / labels.size
    assert 0.7 < shares[0] < 0.85
    assert shares[1:11].min() > 0.5 * shares[1:11].max()
    assert shares[255] < 0.1
    assert shares[11:255].sum() == 0
    digits = [len(set(np.unique(each)) - {0, 255}) for each in labels]
    assert min(digits) >= 1 and max(digits) == 4


def test_a_label_lies_where_the_digit_is(found):
    """Digits differ in colour from what is around them."""
    contrast = []
    for sample in found.train[:50]:
        image, labels = sample.image().astype(float), sample.labels()
        for label in set(np.unique(labels)) - {0, 255}:
            inside = image[labels == label].mean(0)
            contrast.append(np.abs(inside - image[labels == 0].mean(0)).max())
    assert np.median(contrast) > 60
