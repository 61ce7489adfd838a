"""Error rate and accuracy of each class."""

import numpy as np
import pytest

from mixdmt_tf.equations import accuracy_by_class, auroc, error_rate
from tests.oracles import metrics

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
