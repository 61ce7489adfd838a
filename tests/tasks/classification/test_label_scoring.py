"""Predictions of several labels an image: probabilities, decisions and scores."""

from __future__ import annotations

import numpy as np
import pytest

from mixdmt_tf.data.classification.source import Images
from mixdmt_tf.models.small_cnn import SmallCNN
from mixdmt_tf.tasks.classification import label_scoring, scoring
from tests.oracles import label_metrics

NAMES = ("beach", "people", "sun")


@pytest.fixture
def scorer():
    return label_scoring.LabelScorer(SmallCNN(filters=3), (8, 8, 1), 3)


def weights_and_images(scorer, rows=40):
    """Weights with which predictions differ, and noise with labels, some unknown."""
    rng = np.random.default_rng(0)
    weights = [
        rng.normal(0, 1, w.shape).astype(np.float32)
        for w in scorer.network.get_weights()
    ]
    pixels = rng.integers(0, 256, (rows, 8, 8, 1), np.uint8)
    return weights, Images(pixels, rng.integers(-1, 2, (rows, 3)).astype(np.int32))


def test_probabilities_are_a_sigmoid_of_each_logit(scorer):
    weights, images = weights_and_images(scorer)
    found = scorer.predict(weights, images.images)
    pixels = images.images.astype(np.float32) / 127.5 - 1
    logits = scorer.network(pixels, training=False).numpy()[..., 1]
    expected = 1 / (1 + np.exp(-logits.astype(np.float64)))
    assert found.shape == (40, 3) and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)
    decided = scorer.decide(found).numpy()
    assert decided.dtype == np.int32
    np.testing.assert_array_equal(decided, expected >= 0.5)


def test_scores_are_those_of_what_is_known(scorer):
    weights, images = weights_and_images(scorer)
    found = scoring.score(scorer, weights, images)
    p = scorer.predict(weights, images.images)
    error = label_metrics.wrong_decisions(images.labels, p, 0.5)
    assert found.error == pytest.approx(error) and 0 < error < 100
    precision = [
        label_metrics.average_precision(images.labels[:, c], p[:, c]) for c in range(3)
    ]
    np.testing.assert_allclose(found.average_precision, precision)
    assert found.numbers["map"] == pytest.approx(np.mean(precision))
    assert list(found.numbers) == ["error", "map", "f1"]
    assert set(found.by_class()) == {"average_precision", "f1", "recall"}


def test_means_are_over_labels_that_some_image_has(scorer):
    labels = np.array([[1, 0, 0], [0, 0, 1]], np.int32)
    p = np.float32([[0.9, 0.6, 0.6], [0.2, 0.1, 0.4]])
    found = scorer.judge(labels, p)
    np.testing.assert_array_equal(found.f1, [100, np.nan, 0])
    assert found.numbers["f1"] == 50 and found.numbers["map"] == 75
    assert found.words() == "mean average precision 75.00 %, F1 50.00 %"
    assert "people" in found.lines(NAMES)[1] and "nan" in found.lines(NAMES)[1]


def test_labels_in_words():
    assert label_scoring.said(np.float32([0.5, 0.4, 1.0]), NAMES) == "beach; sun"
    assert label_scoring.said(np.float32([0.1, 0.4, 0.0]), NAMES) == ""
