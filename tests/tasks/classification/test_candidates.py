"""Rounds whose networks are asked about some of the unlabelled images."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mixdmt_tf.data.classification.pseudo_labels import PseudoLabels
from mixdmt_tf.data.classification.source import UNKNOWN
from mixdmt_tf.data.splits import Split
from mixdmt_tf.tasks.classification import labeling
from mixdmt_tf.tasks.classification.candidates import Candidates
from tests.tasks.classification import tiny


def split(seed=1, images=50):
    return Split(
        "digits",
        seed,
        "fingerprint",
        np.arange(5, dtype=np.int64),
        np.arange(100, 100 + images, dtype=np.int64),
        np.zeros(0, np.int64),
    )


def pseudo(ids):
    number = len(ids)
    confidence = np.linspace(0.2, 0.9, number).astype(np.float32)
    return PseudoLabels(
        ids, np.arange(number, dtype=np.int32) % 3, confidence, confidence > 0.5
    )


@pytest.mark.parametrize("number", [None, 50, 70])
def test_all_are_all(number):
    whole = split()
    found = Candidates(whole, number)
    assert found.split is whole
    rows, labels = np.arange(50), pseudo(whole.unlabeled)
    assert found.of(rows) is rows and found.among_all(labels) is labels


def test_some_are_drawn_by_the_seed_of_the_split():
    whole = split()
    one, again = Candidates(whole, 20), Candidates(whole, 20)
    other = Candidates(split(seed=2), 20)
    chosen = one.split.unlabeled
    assert len(chosen) == 20 and (np.diff(chosen) > 0).all()
    assert np.isin(chosen, whole.unlabeled).all() and chosen[0] - 100 < 45
    np.testing.assert_array_equal(chosen, again.split.unlabeled)
    assert not np.array_equal(chosen, other.split.unlabeled)
    np.testing.assert_array_equal(one.split.labeled, whole.labeled)
    np.testing.assert_array_equal(one.of(whole.unlabeled), chosen)
    assert one.of(None) is None


def test_others_have_no_confidence_and_are_not_kept():
    whole = split()
    found = Candidates(whole, 20)
    theirs = pseudo(found.split.unlabeled)
    labels = found.among_all(theirs)
    np.testing.assert_array_equal(labels.ids, whole.unlabeled)
    asked = np.isin(whole.unlabeled, found.split.unlabeled)
    for name in ("labels", "confidence", "kept"):
        rows = getattr(labels, name)
        np.testing.assert_array_equal(rows[asked], getattr(theirs, name))
        assert not rows[~asked].any()


def test_the_quality_of_labels_is_that_of_those_who_were_asked_about():
    found = Candidates(split(), 20)
    theirs = pseudo(found.split.unlabeled)
    labels = found.among_all(theirs)
    truth = np.arange(50, dtype=np.int32) % 3
    truth[::7] = UNKNOWN
    assert labeling.quality(labels, truth) == labeling.quality(theirs, found.of(truth))


def test_without_candidates_a_label_without_certainty_counts_too():
    """A graph has some."""
    labels = pseudo(split().unlabeled)
    labels.confidence[:10] = 0
    truth = np.arange(50, dtype=np.int32) % 3
    truth[:10] += 1
    assert labeling.quality(labels, truth).accuracy_of_all == pytest.approx(80)


def test_a_run_asks_about_no_others(tmp_path, monkeypatch):
    asked, folder = [], tmp_path / "run"
    probabilities = labeling.probabilities

    def counted(model, source, split, *args, **kwargs):
        asked.append(tuple(split.unlabeled))
        return probabilities(model, source, split, *args, **kwargs)

    monkeypatch.setattr(labeling, "probabilities", counted)
    done = tiny.session(folder, *tiny.ROUNDS, "--candidates=40", "--teachers=all")
    assert done.code == 0, done.err
    assert len(set(asked)) == 1 and len(asked[0]) == 40
    rounds = json.loads((folder / "results.json").read_text("utf-8"))["rounds"]
    assert [each["pseudo_labels"] for each in rounds] == [20, 40]
    for each in rounds:
        with np.load(folder / "pseudo_labels" / f"{each['stage']}.npz") as file:
            kept, ids = file["kept"], file["ids"]
            assert (file["confidence"] > 0).sum() == 40 < len(ids)
            assert np.isin(ids[kept], asked[0]).all()


def test_labels_without_certainty_are_judged_too():
    """Of a graph: what no label reaches has certainty 0, and may be kept."""
    whole = split()
    found = Candidates(whole, 20)
    theirs = pseudo(found.split.unlabeled)
    theirs.confidence[:5] = 0
    theirs.kept[:] = True
    truth = np.full(50, 7, np.int32)
    quality = labeling.quality(found.among_all(theirs), truth)
    assert quality.number == 20
    assert sum(each["images"] for each in quality.bins) == 20
