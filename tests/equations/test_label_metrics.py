"""Scores of several labels an image, against plain loops and scikit-learn."""

import numpy as np
import pytest
import sklearn.metrics

from mixdmt_tf.equations import average_precision, recall_and_f1, wrong_decisions
from tests.oracles import label_metrics

SCORES = (average_precision, recall_and_f1, wrong_decisions)


def example(seed=0, unknown=0.2, steps=20):
    """Labels [60, 5], of which the last one is nowhere true, and probabilities."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (60, 5))
    labels[:, -1] = 0
    labels[rng.uniform(size=labels.shape) < unknown] = -1
    return labels, rng.integers(0, steps + 1, labels.shape) / steps  # with ties


@pytest.mark.parametrize("seed", range(3))
def test_they_equal_their_oracles(seed):
    labels, probs = example(seed)
    assert wrong_decisions(labels, probs) == pytest.approx(
        label_metrics.wrong_decisions(labels, probs, 0.5)
    )
    recall, f1 = recall_and_f1(labels, probs)
    for place in range(5):
        column = labels[:, place], probs[:, place]
        expected = label_metrics.average_precision(*column)
        found = average_precision(labels, probs)[place]
        assert found == pytest.approx(expected, nan_ok=True)
        expected = label_metrics.recall_and_f1(*column, 0.5)
        assert (recall[place], f1[place]) == pytest.approx(expected, nan_ok=True)
    assert np.isnan([recall[-1], f1[-1]]).all()


@pytest.mark.parametrize("seed", range(3))
def test_they_equal_those_of_scikit_learn(seed):
    labels, probs = example(seed, unknown=0)
    precision, (recall, f1) = (
        average_precision(labels, probs),
        recall_and_f1(labels, probs),
    )
    said = probs >= 0.5
    assert wrong_decisions(labels, probs) == pytest.approx(
        100 * sklearn.metrics.hamming_loss(labels, said)
    )
    for place in range(4):
        t, p, s = labels[:, place], probs[:, place], said[:, place]
        theirs = sklearn.metrics.average_precision_score(t, p)
        assert precision[place] == pytest.approx(100 * theirs)
        assert f1[place] == pytest.approx(100 * sklearn.metrics.f1_score(t, s))
        theirs = sklearn.metrics.recall_score(t, s)
        assert recall[place] == pytest.approx(100 * theirs)


def test_what_is_unknown_counts_nowhere():
    labels, probs = example()
    changed = np.where(labels < 0, 1 - probs, probs)
    assert (changed != probs).any()
    for score in SCORES:
        np.testing.assert_array_equal(score(labels, probs), score(labels, changed))


def test_a_perfect_order_has_full_precision_and_half_is_enough_for_a_label():
    labels, probs = np.array([[1], [1], [0]]), np.array([[0.5], [0.4], [0.3]])
    assert average_precision(labels, probs) == [100]
    recall, f1 = recall_and_f1(labels, probs)
    assert recall == [50] and f1 == pytest.approx([200 / 3])
    assert wrong_decisions(labels, probs) == pytest.approx(100 / 3)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(
    ("labels", "probs", "message"),
    [
        ([[1, 0]], [[0.5]], "alike"),
        ([1, 0], [0.5, 0.1], "alike"),
        ([[2, 0]], [[0.5, 0.1]], "1, 0, or -1"),
        ([[-1, -1]], [[0.5, 0.1]], "known"),
    ],
)
def test_what_cannot_be_scored_is_refused(score, labels, probs, message):
    with pytest.raises(ValueError, match=message):
        score(labels, probs)
