"""How far two scores may differ by chance."""

import math

import numpy as np
import pytest

from mixdmt_tf.equations import error_difference_deviation, miou_difference_deviation
from tests.oracles import metrics


def test_deviation_of_two_errors_on_many_images_is_binomial():
    """5 and 10 % of a million: sqrt((.0475 + .09) / n)."""
    found = error_difference_deviation(5, 10, 1_000_000)
    assert found == pytest.approx(100 * math.sqrt(0.1375 / 1e6), rel=1e-4)
    assert found == error_difference_deviation(10, 5, 1_000_000)


def test_deviation_of_two_errors_on_few_images_is_never_none():
    """One and two of 16, although nothing and one of 14 were wrong."""
    found = error_difference_deviation(0, 100 / 14, 14)
    expected = math.sqrt((1 * 15 + 2 * 14) / 16**3)
    assert found == pytest.approx(100 * expected)
    assert error_difference_deviation(0, 0, 14) > 0


def test_deviation_of_two_errors_is_that_of_drawn_ones():
    """Draws of two models' errors on 200 images."""
    rng = np.random.default_rng(0)
    drawn = rng.binomial(200, [0.1, 0.15], [20_000, 2]) / 2
    deviation = np.std(drawn[:, 0] - drawn[:, 1])
    assert error_difference_deviation(10, 15, 200) == pytest.approx(deviation, rel=0.04)


@pytest.mark.parametrize("wrong", [(5, 5, 0), (-1, 5, 10), (5, 101, 10)])
def test_errors_that_are_none(wrong):
    with pytest.raises(ValueError, match="must be"):
        error_difference_deviation(*wrong)


def counts_of(rng, images=30, classes=4):
    """Two models' confusions of some images; the images differ in difficulty."""
    found = rng.integers(0, 4, [2, images, classes, classes])
    found += np.eye(classes, dtype=int) * rng.integers(5, 60, [images, 1, 1])
    return found


def test_deviation_of_two_mean_ious_equals_its_oracle():
    one, other = counts_of(np.random.default_rng(1), 6)
    found = miou_difference_deviation(one, other)
    assert found == pytest.approx(metrics.miou_difference_deviation(one, other))
    assert miou_difference_deviation(one, one) == 0


def test_deviation_of_two_mean_ious_is_that_of_drawn_images():
    """About what a bootstrap over the same images finds."""
    rng = np.random.default_rng(2)
    one, other = counts_of(rng)
    drawn = []
    for _ in range(2000):
        ids = rng.integers(0, len(one), len(one))
        scores = [metrics.mean_iou_of_counts(each[ids].sum(0)) for each in (one, other)]
        drawn.append(scores[0] - scores[1])
    expected = np.std(drawn)
    assert miou_difference_deviation(one, other) == pytest.approx(expected, rel=0.1)


def test_a_single_image_says_nothing_of_others():
    one, other = counts_of(np.random.default_rng(3), 1)
    assert miou_difference_deviation(one, other) == math.inf
    one, other = (np.concatenate([c, np.zeros_like(c)]) for c in (one, other))
    assert miou_difference_deviation(one, other) == math.inf


def test_counts_of_different_images():
    one, other = counts_of(np.random.default_rng(3))
    for wrong in ((one, other[1:]), (one[0], other[0])):
        with pytest.raises(ValueError, match="expected two"):
            miou_difference_deviation(*wrong)
