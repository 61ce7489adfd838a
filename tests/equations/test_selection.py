"""Which images and pixels a round of DMT keeps, and the two subsets it starts from."""

import math

import numpy as np
import pytest

from mixdmt_tf.equations import (
    class_thresholds,
    class_thresholds_released,
    difference_maximized,
    error_rate,
    ranking_sample,
    threshold_labels,
    top_confident,
    top_count,
    top_count_released,
)
from tests.oracles import selection as oracle

ALPHAS = [0.2, 0.4, 0.6, 0.8, 1.0]
SCORES = np.arange(50, 100, 5) / 100  # 0.5, 0.55, ..., 0.95


@pytest.mark.parametrize(
    ("total", "counts"),
    [
        (10, [0, 2, 4, 6, 10]),
        (100, [18, 38, 58, 78, 100]),
        (1000, [198, 398, 598, 798, 1000]),
        (45_800, [9158, 18_318, 27_478, 36_638, 45_800]),
        (48_800, [9758, 19_518, 29_278, 39_038, 48_800]),
    ],
)
def test_counts(total, counts):
    """Two fewer as released, except at 100 %; fifths of these sizes are whole."""
    assert [top_count_released(total, alpha) for alpha in ALPHAS] == counts
    assert [top_count(total, alpha) for alpha in ALPHAS] == [
        total * i // 5 for i in range(1, 6)
    ]


def test_counts_are_rounded_exactly():
    """0.29 * 100 is 28.999999999999996 in floating point."""
    for total in (1, 3, 7, 50, 100):
        for percent in range(1, 101):
            count = top_count(total, percent / 100)
            assert abs(100 * count - total * percent) <= 50
    assert top_count_released(100, 0.29) == 27
    assert [top_count(n, 0.5) for n in (1, 3, 5, 7)] == [0, 2, 2, 4]
    assert top_count(0, 0.2) == top_count_released(0, 0.2) == 0


def test_the_released_count_is_that_of_the_released_rule():
    """Also where its index runs into the start of the list."""
    rng = np.random.default_rng(3)
    for total in (1, 2, 3, 5, 7, 10, 33):
        confidence = list(rng.permutation(total) / total)
        for percent in (1, 5, 20, 29, 40, 60, 95, 99, 100):
            kept = oracle.top_confident_released(confidence, percent, 100)
            count = top_count_released(total, percent / 100)
            assert count == len(kept), (total, percent)
            ids, _ = top_confident(range(total), confidence, count)
            np.testing.assert_array_equal(ids, kept)


def test_top_confident():
    """By hand: the two most confident, then a tie that the lower id wins."""
    ids, confidence = [7, 3, 9, 1, 4], [0.5, 0.9, 0.5, 0.8, 0.5]
    for count, kept, lowest in (
        (2, [1, 3], 0.8),
        (3, [1, 3, 4], 0.5),
        (4, [1, 3, 4, 7], 0.5),
        (5, [1, 3, 4, 7, 9], 0.5),
    ):
        found, threshold = top_confident(ids, confidence, count)
        assert found.tolist() == kept and threshold == lowest
    found, threshold = top_confident(ids, confidence, 0)
    assert found.tolist() == [] and threshold == math.inf


def test_top_confident_equals_its_oracle_in_any_order():
    """Few different confidences, so that ties decide; names instead of numbers."""
    rng = np.random.default_rng(4)
    for _ in range(20):
        ids = rng.permutation([f"image_{i:03}" for i in range(30)])
        confidence = rng.integers(1, 5, size=30) / 4
        wanted, threshold = oracle.top_confident(ids.tolist(), confidence, 11)
        for order in (np.arange(30), rng.permutation(30)):
            found = top_confident(ids[order], confidence[order], 11)
            assert (found[0].tolist(), found[1]) == (wanted, threshold)


def test_a_larger_share_contains_the_smaller():
    """The curriculum adds images and takes none away."""
    confidence = np.round(np.random.default_rng(5).random(50), 1)
    before = set()
    for alpha in ALPHAS:
        ids, _ = top_confident(range(50), confidence, top_count(50, alpha))
        assert before < set(ids)
        before = set(ids)
    assert len(before) == 50


def test_errors_among_the_most_confident():
    """Figure 1 of the paper, made of two equations."""
    labels, predictions = np.array([0, 1, 1, 0, 1]), np.array([0, 1, 0, 1, 1])
    confidence = [0.9, 0.95, 0.8, 0.6, 0.7]
    errors = []
    for alpha in ALPHAS:
        ids, _ = top_confident(range(5), confidence, top_count(5, alpha))
        errors.append(error_rate(labels[ids], predictions[ids]))
    np.testing.assert_allclose(errors, [0, 0, 100 / 3, 25, 40])


@pytest.mark.parametrize(
    ("ids", "confidence", "count", "message"),
    [
        ([1, 2], [0.5], 1, r"confidence must have the shape of ids, \(2,\), got \(1,"),
        ([1, 1], [0.5, 0.6], 1, "all different"),
        ([[1, 2]], [[0.5, 0.6]], 1, "vector of ids"),
        ([1, 2], [0.5, math.nan], 1, "confidence must be numbers, got NaN"),
        ([1, 2], [0.5, 0.6], 3, r"count must be in 0..2, got 3"),
        ([1, 2], [0.5, 0.6], -1, r"count must be in 0..2, got -1"),
    ],
)
def test_top_confident_refuses(ids, confidence, count, message):
    """What has no ranking."""
    with pytest.raises(ValueError, match=message):
        top_confident(ids, confidence, count)


@pytest.mark.parametrize("alpha", [0, -0.2, 1.01, 20, math.nan])
@pytest.mark.parametrize(
    "function",
    [
        lambda alpha: top_count(10, alpha),
        lambda alpha: top_count_released(10, alpha),
        lambda alpha: class_thresholds([0], [0.5], 1, alpha),
        lambda alpha: class_thresholds_released([0], [0.5], 1, alpha),
    ],
)
def test_shares_are_not_percentages(function, alpha):
    """20 is not 20 %."""
    with pytest.raises(ValueError, match="alpha must be above 0 and at most 1, got"):
        function(alpha)


@pytest.mark.parametrize(
    ("alpha", "released", "kept_released", "exact", "kept"),
    [
        (0.2, 0.85, 3, 0.9, 2),
        (0.4, 0.75, 5, 0.8, 4),
        (0.6, 0.65, 7, 0.7, 6),
        (0.8, 0.55, 9, 0.6, 8),
        (1.0, 0.5, 10, 0.0, 10),
        (0.05, 1e-5, 10, 0.95, 1),
    ],
)
def test_threshold_of_a_class(alpha, released, kept_released, exact, kept):
    """Ten pixels of class 1 in an order of their own; class 0 never predicted."""
    order = np.random.default_rng(6).permutation(10)
    arrays = np.ones(10, np.uint8), SCORES[order].reshape(10)
    for function, wanted, count in (
        (class_thresholds_released, released, kept_released),
        (class_thresholds, exact, kept),
    ):
        thresholds = function(*arrays, 2, alpha)
        assert thresholds[1] == pytest.approx(wanted, rel=1e-12)
        labels = threshold_labels(*arrays, thresholds)
        assert np.sum(labels == 1) == count and np.sum(labels == 255) == 10 - count


@pytest.mark.parametrize("percent", [1, 5, 20, 40, 60, 80, 99, 100])
def test_thresholds_equal_their_oracles(percent):
    """Several classes, ties among the confidences, and sizes of all remainders."""
    rng = np.random.default_rng(7)
    for size in (1, 9, 60, 61, 250):
        predictions = rng.choice(6, p=[0.5, 0.3, 0.1, 0.08, 0.02, 0], size=size)
        confidence = rng.integers(1, 40, size=size) / 40
        for function, slow in (
            (class_thresholds, oracle.class_thresholds),
            (class_thresholds_released, oracle.class_thresholds_released),
        ):
            thresholds = function(predictions, confidence, 6, percent / 100)
            wanted = slow(predictions, confidence, 6, percent, 100)
            np.testing.assert_array_equal(thresholds, wanted)
            np.testing.assert_array_equal(
                threshold_labels(predictions, confidence, thresholds, 99),
                oracle.threshold_labels(predictions, confidence, wanted, 99),
            )


@pytest.mark.parametrize("alpha", [0.2, 1.0])
@pytest.mark.parametrize("function", [class_thresholds, class_thresholds_released])
def test_classes_that_were_never_predicted(function, alpha):
    """No crash, and pixels that a sample missed are kept."""
    thresholds = function(np.zeros([2, 0], int), np.zeros([2, 0]), 3, alpha)
    np.testing.assert_array_equal(
        threshold_labels([[2, 0, 1]], [[0.4, 0.4, 0.4]], thresholds), [[2, 0, 1]]
    )


def test_sampled_ranking():
    """Every 16th pixel of each image, row by row: 0, 16, 32, ..."""
    image = np.arange(5 * 7).reshape(5, 7)
    np.testing.assert_array_equal(ranking_sample(image), [0, 16, 32])
    np.testing.assert_array_equal(ranking_sample(image, 12), [0, 12, 24])
    np.testing.assert_array_equal(ranking_sample(image, 1), np.arange(35))
    assert ranking_sample(image.astype(np.uint8)).dtype == np.uint8
    with pytest.raises(ValueError, match="every must be 1 or more, got 0"):
        ranking_sample(image, 0)


def test_all_pixels_are_kept_in_the_end():
    """Those below the lowest one of a sample too, which the release ignores."""
    confidence = np.linspace(0.9, 0.4, 33)
    predictions = np.zeros(33, int)
    sample = ranking_sample(predictions), ranking_sample(confidence)[::-1]
    thresholds = class_thresholds(*sample, 1, 1.0)
    assert np.all(threshold_labels(predictions, confidence, thresholds) == 0)
    confidence[1] = 0.1
    released = class_thresholds_released(*sample, 1, 1.0)
    labels = threshold_labels(predictions, confidence, released)
    np.testing.assert_array_equal(np.flatnonzero(labels == 255), [1])


def test_float32_confidences_meet_their_own_threshold():
    """Thresholds are float64, and comparing must not lose the pixel they come from."""
    confidence = np.random.default_rng(8).random(1000).astype(np.float32)
    predictions = np.zeros(1000, np.uint8)
    thresholds = class_thresholds(predictions, confidence, 1, 0.2)
    labels = threshold_labels(predictions, confidence, thresholds)
    assert labels.dtype == np.int64 and np.sum(labels == 0) == 200


@pytest.mark.parametrize(
    ("predictions", "confidence", "message"),
    [
        ([0, 3], [0.5, 0.5], r"predictions must be in 0..2, got 0..3"),
        ([0, -1], [0.5, 0.5], r"predictions must be in 0..2, got -1..0"),
        ([0.0, 1.0], [0.5, 0.5], "predictions must be integers, got float64"),
        ([0, 1], [[0.5], [0.5]], "confidence must have the shape of predictions"),
        ([0, 1], [0.5, math.nan], "confidence must be numbers, got NaN"),
    ],
)
@pytest.mark.parametrize(
    "function",
    [
        lambda p, c: class_thresholds(p, c, 3, 0.5),
        lambda p, c: class_thresholds_released(p, c, 3, 0.5),
        lambda p, c: threshold_labels(p, c, [0.1, 0.2, 0.3]),
    ],
)
def test_class_rankings_refuse(function, predictions, confidence, message):
    """Ids outside, probabilities instead of ids, arrays that don't fit."""
    with pytest.raises(ValueError, match=message):
        function(predictions, confidence)


def test_the_ignored_label_is_no_class():
    """It would be learned."""
    with pytest.raises(ValueError, match="ignored must be no class, got 1"):
        threshold_labels([0], [0.5], [0.1, 0.2], ignored=1)


@pytest.mark.parametrize(
    ("labelled", "size", "common"),
    [(100, 80, 60), (211, 168, 125), (530, 424, 318), (1322, 1057, 792)],
)
def test_difference_maximized(labelled, size, common):
    """Sizes of the paper's four splits of PASCAL VOC, alpha = 0.8."""
    order = np.random.default_rng(9).permutation(labelled)
    a, b = difference_maximized(order, 0.8)
    assert len(a) == len(b) == size and len(set(a) & set(b)) == common
    assert set(a) | set(b) == set(range(labelled))
    assert a.tolist() == order[:size].tolist()
    assert b.tolist() == order[labelled - size :].tolist()


def test_difference_maximized_of_names():
    """And of rows of an array."""
    a, b = difference_maximized(list("abcde"), 0.6)
    assert (a.tolist(), b.tolist()) == (list("abc"), list("cde"))
    a, b = difference_maximized(np.zeros([5, 2]), 0.6)
    assert a.shape == b.shape == (3, 2)


@pytest.mark.parametrize("alpha", [0.5, 1, 0.2, 80, math.nan])
def test_difference_maximized_refuses(alpha):
    """Half is no overlap, all is no difference; and one example can't be parted."""
    with pytest.raises(ValueError, match="alpha must be between 0.5 and 1, got"):
        difference_maximized(range(10), alpha)
    with pytest.raises(ValueError, match="1 labelled examples are too few"):
        difference_maximized([0], 0.8)
