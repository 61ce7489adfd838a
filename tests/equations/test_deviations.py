"""How far two scores may differ by chance."""

import math

import numpy as np
import pytest

from mixdmt_tf.equations import error_difference_deviation, miou_difference_deviation
from tests.oracles import metrics


def wrong(only_first, only_second, both=0, neither=0):
    """Which examples two models get wrong."""
    kinds = [(1, 0), (0, 1), (1, 1), (0, 0)]
    numbers = (only_first, only_second, both, neither)
    return np.repeat(kinds, numbers, axis=0).astype(bool).T


def test_deviation_of_two_errors_on_many_examples():
    """sqrt(b + c - (b - c)^2 / n) / n; what both get wrong, or right, is left out."""
    found = error_difference_deviation(*wrong(3000, 1000, 500, 95_500))
    expected = math.sqrt(4000 - 2000**2 / 1e5) / 1e5
    assert found == pytest.approx(100 * expected, rel=1e-3)
    assert found == error_difference_deviation(*wrong(1000, 3000, 95_500, 500))


def test_deviation_of_two_errors_on_few_examples_is_never_none():
    """One example of 14 is within it, two are not."""
    assert error_difference_deviation(*wrong(0, 0, 3, 11)) > 0
    assert error_difference_deviation(*wrong(1, 0, 3, 10)) > 100 / 14
    assert error_difference_deviation(*wrong(2, 0, 3, 9)) < 200 / 14
    expected = math.sqrt((3 / 16 - (2 / 16) ** 2) / 16)
    found = error_difference_deviation(*wrong(2, 0, 3, 9))
    assert found == pytest.approx(100 * expected)


def test_deviation_of_two_errors_is_that_of_drawn_examples():
    """About what a bootstrap over the same examples finds."""
    rng = np.random.default_rng(0)
    one, other = wrong(30, 12, 20, 138)
    ids = rng.integers(0, 200, [5000, 200])
    deviation = 100 * np.std(one[ids].mean(1) - other[ids].mean(1))
    found = error_difference_deviation(one, other)
    assert found == pytest.approx(deviation, rel=0.05)


def test_errors_of_different_examples():
    one, other = wrong(3, 4)
    for pair in ((one, other[1:]), (one[:0], other[:0]), (one[None], other[None])):
        with pytest.raises(ValueError, match="expected two"):
            error_difference_deviation(*pair)


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
    for pair in ((one, other[1:]), (one[0], other[0])):
        with pytest.raises(ValueError, match="expected two"):
            miou_difference_deviation(*pair)
