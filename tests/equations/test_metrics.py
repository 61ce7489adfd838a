"""Error rates, accuracies, and intersection over union."""

import numpy as np
import pytest

from mixdmt_tf.equations import (
    accuracy_by_class,
    accuracy_by_confidence,
    auroc,
    confusion_counts,
    error_rate,
    fine_grained_accuracy,
    iou_by_class,
    mean_iou,
)
from tests.oracles import metrics

PIXELS, PREDICTED_PIXELS = [0, 0, 1, 1, 2, 255], [0, 1, 1, 1, 0, 2]
LABELS, PREDICTIONS = [0, 0, 1, 1, 3, 3, 3, 3], [0, 1, 1, 1, 3, 0, 2, 3]


def test_error_rate():
    """Three of eight."""
    assert error_rate(LABELS, PREDICTIONS) == 37.5
    assert error_rate(LABELS, LABELS) == 0
    assert error_rate([0, 1], [1, 0]) == 100


def test_accuracy_by_class():
    """Class 2 has no example, although it is predicted once."""
    accuracy = accuracy_by_class(LABELS, PREDICTIONS, 5)
    np.testing.assert_array_equal(accuracy, [50, 100, np.nan, 50, np.nan])


def test_metrics_equal_their_oracles():
    """Random ids, and images of them."""
    rng = np.random.default_rng(1)
    labels, predictions = rng.integers(0, 7, size=[2, 200])
    wanted = metrics.error_rate(labels, predictions)
    assert error_rate(labels, predictions) == pytest.approx(wanted)
    assert error_rate(labels.reshape(5, 40), predictions.reshape(5, 40)) == (
        pytest.approx(wanted)
    )
    np.testing.assert_allclose(
        accuracy_by_class(labels, predictions, 9),
        metrics.accuracy_by_class(labels, predictions, 9),
    )


def test_accuracies_of_classes_weighted_by_their_size_give_the_error_rate():
    """The two metrics can't disagree."""
    accuracy = np.nan_to_num(accuracy_by_class(LABELS, PREDICTIONS, 4))
    share = np.bincount(LABELS, minlength=4) / len(LABELS)
    assert 100 - share @ accuracy == pytest.approx(error_rate(LABELS, PREDICTIONS))


def test_a_prediction_outside_the_classes_is_wrong():
    """A network with more outputs than the test set has classes."""
    assert error_rate([0, 1], [0, 7]) == 50
    np.testing.assert_array_equal(accuracy_by_class([0, 1], [0, 7], 2), [100, 0])


@pytest.mark.parametrize(
    "metric", [error_rate, lambda y, p: accuracy_by_class(y, p, 3)]
)
@pytest.mark.parametrize(
    ("labels", "predictions", "message"),
    [
        ([0, 1], [[0.9, 0.1], [0.2, 0.8]], r"shape of labels, \(2,\), got \(2, 2\)"),
        ([0, 1], [0.0, 1.0], "predictions must be integer class ids, got float64"),
        ([0.0, 1.0], [0, 1], "labels must be integer class ids, got float64"),
        ([], [], "at least one example"),
        ([0, -1], [0, 1], "labels must be 0 or more, got -1"),
    ],
)
def test_metrics_refuse_what_cannot_be_scored(metric, labels, predictions, message):
    """Probabilities, unknown labels, nothing at all."""
    with pytest.raises(ValueError, match=message):
        metric(labels, predictions)


def test_accuracy_by_class_refuses_labels_outside():
    """They would make the result longer than the classes."""
    with pytest.raises(ValueError, match="labels must be below 3, got 3"):
        accuracy_by_class(LABELS, PREDICTIONS, 3)


def test_auroc_by_hand():
    """Of 2 x 3 pairs the positives win three, and tie one."""
    positive = [True, False, True, False, False]
    scores = [0.9, 0.95, 0.5, 0.5, 0.4]
    assert auroc(positive, scores) == pytest.approx((2 + 1 + 0.5) / 6)
    assert auroc([True, False], [1.0, 0.0]) == 1.0
    assert auroc([True, False], [0.0, 1.0]) == 0.0
    assert auroc([True, False, True], [0.3, 0.3, 0.3]) == 0.5


def test_auroc_equals_its_oracle():
    """Scores of few values, so that there are ties."""
    rng = np.random.default_rng(2)
    for _ in range(20):
        positive = np.append([True, False], rng.random(40) < 0.3)
        scores = rng.integers(0, 9, 42) / 9
        wanted = metrics.auroc(positive, scores)
        assert auroc(positive, scores) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("positive", "scores", "message"),
    [
        ([True, False], [0.1], "scores must be"),
        ([True, True], [0.1, 0.2], "a positive and a negative"),
        ([], [], "a positive and a negative"),
    ],
)
def test_auroc_refuses(positive, scores, message):
    """It has no meaning there."""
    with pytest.raises(ValueError, match=message):
        auroc(positive, scores)


def test_iou_by_hand():
    """Class 2 is never found, and the pixel predicted as it has no label."""
    counts = confusion_counts(PIXELS, PREDICTED_PIXELS, 3)
    np.testing.assert_array_equal(counts, [[1, 1, 0], [0, 2, 0], [1, 0, 0]])
    assert counts.dtype == np.int64
    np.testing.assert_allclose(iou_by_class(counts), [100 / 3, 200 / 3, 0])
    assert mean_iou(counts) == pytest.approx(100 / 3)


def test_iou_equals_its_oracle():
    """Images one by one, as bytes, with another label to ignore; class 4 is rare."""
    rng = np.random.default_rng(3)
    labels = rng.choice(
        [0, 1, 2, 3, 4, 77], p=[0.3, 0.3, 0.2, 0.1, 0.01, 0.09], size=300
    )
    predictions = np.where(rng.random(300) < 0.6, labels % 77, rng.integers(0, 4, 300))
    images = zip(
        labels.astype(np.uint8).reshape(3, 10, 10),
        predictions.astype(np.uint8).reshape(3, 10, 10),
    )
    counts = sum(confusion_counts(y, p, 6, ignored=77) for y, p in images)
    wanted = metrics.iou_by_class(labels, predictions, 6, 77)
    np.testing.assert_allclose(iou_by_class(counts), wanted)
    assert np.isnan(wanted[5]) and mean_iou(counts) == pytest.approx(
        np.mean(wanted[:5])
    )


def test_iou_of_perfect_and_of_wrong_predictions():
    """100 and 0; a prediction of a class that does not occur is an error."""
    assert mean_iou(confusion_counts([0, 1, 1], [0, 1, 1], 2)) == 100
    assert mean_iou(confusion_counts([0, 1, 1], [1, 0, 0], 2)) == 0
    assert mean_iou(confusion_counts([0, 0], [0, 2], 3)) == 25


@pytest.mark.parametrize(
    ("labels", "predictions", "message"),
    [
        ([0, 3], [0, 1], "labels must be in 0..2 where the label is not 255, got 0..3"),
        ([0, -1], [0, 1], "labels must be in 0..2 .* got -1..0"),
        ([0, 1], [0, 255], "predictions must be in 0..2 .* got 0..255"),
        ([0, 1], [[0], [1]], "predictions must be class ids in the shape of labels"),
        ([0, 1], [0.2, 0.8], "predictions must be integer class ids, got float64"),
    ],
)
def test_confusion_counts_refuse(labels, predictions, message):
    """Labels of another data set must not be counted in silence."""
    with pytest.raises(ValueError, match=message):
        confusion_counts(labels, predictions, 3)


def test_mean_iou_of_nothing():
    """An image without labels counts nothing; a data set of them has no mean."""
    for nothing in ([], [255, 255]):
        counts = confusion_counts(nothing, nothing, 2)
        np.testing.assert_array_equal(counts, np.zeros([2, 2]))
    with pytest.raises(ValueError, match="at least one pixel"):
        mean_iou(counts)
    with pytest.raises(ValueError, match=r"square matrix, got \(2, 3\)"):
        mean_iou(np.ones([2, 3]))


def test_fine_grained_accuracy():
    """Correct with 0.9, wrong, correct with 0.7."""
    labels, probs = [0, 1, 1], [[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]]
    assert fine_grained_accuracy(labels, probs) == pytest.approx(160 / 3)
    assert 100 - error_rate(labels, np.argmax(probs, -1)) == pytest.approx(200 / 3)
    assert fine_grained_accuracy([0, 1], np.eye(2)) == 100


def test_fine_grained_accuracy_equals_its_oracle():
    """A row, and images."""
    rng = np.random.default_rng(4)
    labels, probs = rng.integers(0, 3, 60), rng.dirichlet(np.ones(3), 60)
    wanted = pytest.approx(metrics.fine_grained_accuracy(labels, probs))
    assert fine_grained_accuracy(labels, probs) == wanted
    images = fine_grained_accuracy(labels.reshape(5, 12), probs.reshape(5, 12, 3))
    assert images == wanted


@pytest.mark.parametrize(
    ("labels", "probs", "message"),
    [
        ([0, 1], [0.9, 0.1], "probs must have one axis more than labels"),
        ([0, 1], np.eye(3), "predictions must be class ids in the shape of labels"),
        ([], np.zeros([0, 3]), "at least one example"),
        ([-1], [[0.5, 0.5]], "labels must be 0 or more, got -1"),
    ],
)
def test_fine_grained_accuracy_refuses(labels, probs, message):
    """The same as the error rate does."""
    with pytest.raises(ValueError, match=message):
        fine_grained_accuracy(labels, probs)


def test_accuracy_by_confidence():
    """A border belongs to the range above it, 1 to the last."""
    labels, predictions = [0, 0, 1, 1, 2], [0, 1, 1, 1, 0]
    confidence = [0.5, 0.74, 0.75, 1.0, 0.3]
    number, accuracy = accuracy_by_confidence(labels, predictions, confidence, bins=4)
    np.testing.assert_array_equal(number, [0, 1, 2, 2])
    np.testing.assert_array_equal(accuracy, [np.nan, 0, 50, 100])


def test_accuracy_by_confidence_equals_its_oracle():
    """And its ranges weighted by their sizes give the error rate."""
    rng = np.random.default_rng(5)
    labels, predictions = rng.integers(0, 3, size=[2, 200])
    confidence = rng.integers(0, 41, 200) / 40
    for bins in (1, 4, 10):
        arrays = labels, predictions, confidence
        number, accuracy = accuracy_by_confidence(*arrays, bins)
        wanted = metrics.accuracy_by_confidence(*arrays, bins)
        np.testing.assert_array_equal(number, wanted[0])
        np.testing.assert_allclose(accuracy, wanted[1])
        whole = number @ np.nan_to_num(accuracy) / 200
        assert whole == pytest.approx(100 - error_rate(labels, predictions))


@pytest.mark.parametrize("confidence", [[0.5], [0.5, 1.1], [-0.1, 0.5], [0.5, np.nan]])
def test_accuracy_by_confidence_refuses(confidence):
    """Logits, numbers that are none, and no ranges."""
    with pytest.raises(ValueError, match=r"confidence must be in \[0, 1\]"):
        accuracy_by_confidence([0, 1], [0, 1], confidence)
    with pytest.raises(ValueError, match="bins must be 1 or more, got 0"):
        accuracy_by_confidence([0, 1], [0, 1], [0.5, 0.5], bins=0)
