"""Asking a network for labels, and how good they are."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mixdmt_tf.data.classification.pseudo_labels import PseudoLabels
from mixdmt_tf.data.classification.source import UNKNOWN
from mixdmt_tf.data.classification.splits import make_split
from mixdmt_tf.errors import UserError
from mixdmt_tf.tasks.classification import labeling
from tests.data.classification import made_up

OUTSIDE = -2


class Asked:
    """Answers with given probabilities in place of a trained network."""

    step, network = 7, {"network": "small_cnn", "filters": "4"}

    def __init__(self, probs):
        self.probs = np.array(probs, np.float32)
        self.scorer = self
        self.seen = []

    def weights(self, name):
        return name

    def predict(self, weights, images, poll):
        self.seen.append((weights, images))
        poll()
        return self.probs


@pytest.fixture
def source():
    return made_up.source(counts=(6, 6, 6))


@pytest.fixture
def split(source):
    return make_split(source, 6, 0, 3)


def probs(confidence, labels):
    """[N, 3] with these largest values."""
    found = np.repeat((1 - np.array(confidence, np.float32)[:, None]) / 2, 3, 1)
    found[np.arange(len(labels)), labels] = confidence
    return found


CONFIDENCE = [0.9, 0.5, 0.8, 0.8, 0.7, 0.8, 0.6, 0.95, 0.5, 0.5, 0.5, 0.5]
LABELS = [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]


def test_the_surest_are_kept_and_of_equals_the_lower_ids(source, split):
    assert len(split.unlabeled) == 12
    model = Asked(probs(CONFIDENCE, LABELS))
    found = labeling.label(model, source, split, 1 / 3)
    assert found.ids.tolist() == split.unlabeled.tolist()
    assert found.labels.tolist() == LABELS
    np.testing.assert_allclose(found.confidence, CONFIDENCE, rtol=1e-6)
    # 0.95, 0.9 and, of three of 0.8, the two with the lower ids.
    tied = sorted((found.ids[i], i) for i in (2, 3, 5))
    expected = sorted([0, 7, tied[0][1], tied[1][1]])
    assert np.flatnonzero(found.kept).tolist() == expected
    facts = found.facts
    assert (facts["fraction"], facts["step"]) == (1 / 3, 7)
    assert facts["network"] == model.network
    assert facts["lowest_confidence"] == pytest.approx(0.8)
    ((weights, images),) = model.seen
    assert weights == "ema"
    np.testing.assert_array_equal(images, source.train.images[split.unlabeled])


def test_the_order_of_the_rows_does_not_matter(source, split):
    model = Asked(probs(CONFIDENCE, LABELS))
    found = labeling.label(model, source, split, 1 / 3)
    order = np.random.default_rng(0).permutation(12)
    mixed = dataclasses.replace(split, unlabeled=split.unlabeled[order])
    model = Asked(probs(CONFIDENCE, LABELS)[order])
    again = labeling.label(model, source, mixed, 1 / 3)
    assert set(again.ids[again.kept]) == set(found.ids[found.kept])


def test_raw_weights_counts_and_being_stopped(source, split):
    model = Asked(probs(CONFIDENCE, LABELS))
    released = labeling.label(model, source, split, 0.5, "released", "raw")
    assert released.kept.sum() == 4  # half of 12, less 2
    assert model.seen[0][0] == "raw"

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        labeling.label(model, source, split, 0.5, poll=stop)


def test_each_class_has_its_share_of_the_surest(source, split):
    confidence = [0.95, 0.9, 0.9, 0.85, 0.8, 0.8, 0.75, 0.7, 0.6, 0.5, 0.45, 0.4]
    labels = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2]
    model = Asked(probs(confidence, labels))
    found = labeling.label(model, source, split, 0.5, "per_class")
    # Of one ranking class 0 would have all six, and the others none.
    assert np.flatnonzero(found.kept).tolist() == [0, 1, 2, 6, 7, 10]
    assert found.facts["lowest_confidence"] == pytest.approx(0.45)
    assert labeling.label(model, source, split, 1.0, "per_class").kept.all()


def test_a_share_of_nothing(source, split):
    model = Asked(probs(CONFIDENCE, LABELS))
    with pytest.raises(UserError, match="1 % of 12 unlabelled images is none"):
        labeling.label(model, source, split, 0.01)


def pseudo(labels, confidence, kept):
    count = len(labels)
    return PseudoLabels(
        np.arange(count, dtype=np.int64),
        np.array(labels, np.int32),
        np.array(confidence, np.float32),
        np.array(kept, np.bool_),
    )


def test_by_hand():
    found = labeling.quality(
        pseudo(
            [0, 1, 2, 0, 1],
            [0.95, 1.0, 0.55, 0.5, 0.25],
            [True, True, True, False, False],
        ),
        np.array([0, 2, 2, 0, 0], np.int32),
    )
    assert found.number == 3
    assert found.accuracy == pytest.approx(200 / 3)
    assert found.accuracy_of_all == 60.0
    assert found.lowest_confidence == pytest.approx(0.55)
    rows = [(r["low"], r["high"], r["images"], r["accuracy"]) for r in found.bins]
    assert rows == [(0.2, 0.3, 1, 0.0), (0.5, 0.6, 2, 100.0), (0.9, 1.0, 2, 50.0)]
    # In the order of confidence: wrong, right, right, right, wrong.
    assert found.error_of_top == pytest.approx(
        {20: 100.0, 40: 50.0, 60: 100 / 3, 80: 25.0, 100: 40.0}
    )


def test_where_nobody_knows():
    found = labeling.quality(
        pseudo([0, 1, 2], [0.9, 0.8, 0.7], [True] * 3), np.full(3, UNKNOWN, np.int32)
    )
    assert (found.number, found.accuracy, found.accuracy_of_all) == (3, None, None)
    assert found.bins == [] and set(found.error_of_top.values()) == {None}


def test_only_those_that_somebody_knows_are_judged():
    found = labeling.quality(
        pseudo([0, 1, 2, 0, 1], [0.9, 0.8, 0.7, 0.6, 0.5], [True, True, True, 0, 0]),
        np.array([UNKNOWN, 1, 0, UNKNOWN, 1], np.int32),
    )
    assert found.accuracy == 50.0
    assert found.accuracy_of_all == pytest.approx(200 / 3)
    assert sum(row["images"] for row in found.bins) == 3
    # Of the most confident fifth unknown the class.
    assert found.error_of_top[20] is None and found.error_of_top[40] == 0.0


def test_whatever_is_said_of_an_image_of_no_class_is_wrong():
    found = labeling.quality(
        pseudo([0, 1], [0.95, 0.85], [True, True]), np.array([OUTSIDE, 1], np.int32)
    )
    assert (found.accuracy, found.accuracy_of_all) == (50.0, 50.0)
    assert [row["accuracy"] for row in found.bins] == [100.0, 0.0]
    assert found.error_of_top[100] == 50.0
    # Half of two is one, the most confident; a fifth of two is none.
    assert found.error_of_top[60] == 100.0 and found.error_of_top[20] is None


def test_a_confidence_of_slightly_more_than_one():
    over = np.nextafter(np.float32(1), np.float32(2))
    found = labeling.quality(pseudo([0], [over], [True]), np.array([0], np.int32))
    assert [(r["low"], r["images"]) for r in found.bins] == [(0.9, 1)]


def test_in_words():
    quality = labeling.Quality(
        1200,
        90.0,
        80.0,
        0.5,
        [{"low": 0.5, "high": 0.6, "images": 3, "accuracy": 9.0}],
        {},
    )
    assert labeling.describe(quality, 6000).splitlines() == [
        "kept 1,200 of 6,000 pseudo labels, confidence 0.5000 and above",
        "right: 90.00 % of those kept, 80.00 % of all",
        "  confidence 0.5 to 0.6:       3 images,   9.00 % right",
    ]
    unknown = dataclasses.replace(quality, accuracy=None, accuracy_of_all=None, bins=[])
    assert len(labeling.describe(unknown, 6000).splitlines()) == 1
