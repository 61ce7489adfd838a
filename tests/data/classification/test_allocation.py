"""How many labels each class gets."""

import numpy as np
import pytest

from mixdmt_tf.data.classification.allocation import draw_order
from tests.oracles import splits as oracle

SVHN = [13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659, 4948]


def allocate(counts, labels, limits=None):
    """Labelled images per class."""
    return np.bincount(draw_order(counts, labels, limits), minlength=len(counts))


@pytest.mark.parametrize(
    ("counts", "labels", "expected"),
    [
        ([5000] * 10, 250, [25] * 10),
        (SVHN, 250, [47, 36, 29, 25, 24, 20, 19, 17, 16, 17]),
        (SVHN, 1000, [189, 144, 116, 102, 94, 78, 76, 69, 64, 68]),
        (SVHN, 4000, [756, 578, 464, 407, 376, 313, 306, 276, 254, 270]),
    ],
)
def test_published_allocations(counts, labels, expected):
    """The numbers of labels behind RealMix's tables."""
    assert allocate(counts, labels).tolist() == expected


def test_oracle_on_random_class_sizes():
    """The same for any sizes, up to using up every image."""
    random = np.random.RandomState(0)
    for _ in range(60):
        counts = random.randint(1, 30, random.randint(2, 8)).tolist()
        labels = random.randint(0, sum(counts) + 1)
        assert allocate(counts, labels).tolist() == oracle.allocate(counts, labels)


def test_every_class_has_one_before_any_has_two():
    """However rare it is."""
    assert allocate([10000, 3, 1, 500], 4).tolist() == [1, 1, 1, 1]


def test_all_images_may_be_drawn_but_no_more():
    """Everything is everything."""
    assert allocate([3, 1, 5], 9).tolist() == [3, 1, 5]
    with pytest.raises(ValueError, match="cannot draw 10 of 9"):
        allocate([3, 1, 5], 10)


def test_limits_cap_a_class_without_changing_its_weight():
    """What a full class can't take goes to the others."""
    assert allocate([10, 10, 10], 9, limits=[1, 10, 10]).tolist() == [1, 4, 4]
    assert allocate([10, 10, 10], 6, limits=[9, 9, 9]).tolist() == [2, 2, 2]


def test_a_smaller_draw_is_the_beginning_of_a_larger_one():
    """One more label never moves the others."""
    long = draw_order(SVHN, 500)
    for number in (10, 11, 250, 499):
        np.testing.assert_array_equal(draw_order(SVHN, number), long[:number])
