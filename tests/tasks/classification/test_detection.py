from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms.parts import domain_scores
from mixdmt_tf.data.classification.source import Images
from mixdmt_tf.data.classification.splits import make_split
from mixdmt_tf.tasks.classification import detection, recorder, results
from tests.data.classification import made_up
from tests.tasks.classification import tiny


class Confident:
    """A scorer whose logit and only feature is the brightness of an image."""

    def outputs(self, weights, images, poll):
        poll()
        (turned,) = weights
        sure = turned + (images[:, 0, 0, 0] / 255.0) * (1 - 2 * turned)
        logits = np.stack([sure, np.zeros_like(sure)], axis=-1).astype(np.float32)
        return np.stack([sure, np.ones_like(sure)], -1).astype(np.float32), logits


class Weights:
    """An algorithm of one weight: 0 averaged, 1 (which turns confidence over) raw."""

    network = average = property(lambda self: self)

    def in_network(self, _):
        return [0.0]

    def get_weights(self):
        return [1.0]


def source():
    """Bright images of two classes, darker ones of a third, and one unknown."""
    labels = np.array([0, 1, 0, 1, -3, -3, 0, -1], np.int32)
    bright = np.array([250, 240, 230, 220, 100, 225, 210, 10], np.uint8)
    pictures = np.broadcast_to(bright[:, None, None, None], (8, 4, 4, 3)).copy()
    return made_up.source((1, 1), train=Images(pictures, labels), outside_names="ab")


def opened():
    made = source()
    split = make_split(made, labels=2, validation=0, seed=0)
    # All but the unknown one.
    split = dataclasses.replace(split, unlabeled=np.arange(8))
    return detection.open_detection(made, split)


def test_the_sample_leaves_out_what_nobody_knows():
    assert opened().inside.tolist() == [True] * 4 + [False] * 2 + [True]


def test_scores_of_both_sets_of_weights():
    """By hand: of 5 x 2 pairs, 225 beats 220 and 210; 100 beats none."""
    got = opened().scores(Confident(), Weights())
    assert got["ood_auroc"] == pytest.approx(80.0)
    assert got["ood_raw_auroc"] == pytest.approx(20.0)
    # The two least confident are 100 (of no class) and 210; turned over, 250 and 240.
    assert got["ood_precision"] == 50.0
    for name in ("softmax", "max_logit", "energy", "margin"):
        assert got[f"ood_auroc_{name}"] == pytest.approx(80.0)
    assert {"ood_auroc_knn", "ood_auroc_mahalanobis", "ood_auroc_subspace"} < set(got)
    assert got["ood_raw_precision"] == 0.0


def test_the_score_of_the_mask_is_the_one_that_counts():
    class Masking(Weights):
        """Its mask rests on scores of the images, which know all."""

        class ood:
            score = fixed_score = "frozen"
            scores = tf.constant([1, 1, 1, 1, 0, 0, 1, 0.5])

    got = opened().scores(Confident(), Masking())
    assert got["ood_auroc"] == got["ood_raw_auroc"] == got["ood_auroc_frozen"] == 100
    assert got["ood_auroc_softmax"] == pytest.approx(80.0)
    Masking.ood.score = Masking.ood.fixed_score = "softmax"  # of another run
    of_other = opened().scores(Confident(), Masking())
    assert of_other["ood_auroc"] == of_other["ood_auroc_softmax_given"] == 100
    assert of_other["ood_auroc_softmax"] == pytest.approx(80.0)
    Masking.ood.score = "oracle"
    assert opened().scores(Confident(), Masking())["ood_auroc"] == pytest.approx(80.0)


def test_without_images_of_no_class_there_is_nothing_to_measure():
    whole = made_up.source((9, 9))
    split = make_split(whole, labels=2, validation=0, seed=0)
    assert detection.open_detection(whole, split) is None


def test_a_run_writes_what_it_measured(tmp_path):
    outside = ("--labeled_classes=0,1,2,3", "--unlabeled_classes=2,3,4,5")
    done = tiny.session(tmp_path / "run", "--ood_rate=0.5", "--validation=8", *outside)
    assert done.code == 0, done.err
    assert "(4)" in done.out and "(5)" in done.out
    rows = recorder.read_rows(tmp_path / "run")
    for row in rows:
        assert 0 < row["ood_auroc"] < 100
        assert 0 <= row["train_ood_precision"] <= 1
    found = tiny.Finished(tmp_path / "run", done).results
    assert found["ood_auroc"] == rows[-1]["ood_auroc"]
    assert found["ood_precision"] == rows[-1]["ood_precision"]
    assert len(found["ood_aurocs"]) == 7
    assert found["ood_aurocs"]["softmax"] == found["ood_auroc"]
    assert found["ood_rate_estimate"] is found["ood_rate_interval"] is None


@pytest.mark.long
def test_a_run_that_estimates_the_share_resumes(tmp_path, monkeypatch):
    """With the scores of the images and the rate that it began with."""
    monkeypatch.setattr(domain_scores, "STEPS", 60)
    more = (
        "--labeled_classes=0,1,2,3,4,5,6",
        "--unlabeled_classes=7,8,9,0",
        "--ood_rate=auto",
        "--ood_score=domain",
        "--labels=35",
    )
    whole = tiny.session(tmp_path / "whole", *more)
    assert whole.code == 0, whole.err
    assert "unlabelled images of none of the classes: about" in whole.out
    stopped = tiny.session(
        tmp_path / "parts", *more, moments={("progress", 5): tiny.TERMINATE}
    )
    assert stopped.code != 0
    again = tiny.session(tmp_path / "parts", *more)
    assert again.code == 0 and "none of the classes" not in again.out
    one, other = (
        tiny.Finished(tmp_path / n, again).results for n in ("whole", "parts")
    )
    assert one["ood_rate_estimate"] == other["ood_rate_estimate"] > 0.3
    low, high = one["ood_rate_interval"]
    assert one["ood_rate_interval"] == other["ood_rate_interval"]
    assert low <= one["ood_rate_estimate"] <= high
    assert one["ood_aurocs"] == other["ood_aurocs"]
    assert one["ood_aurocs"]["domain"] > 70
    assert one["test_error"] == other["test_error"]


def test_what_knows_the_hidden_truth_says_that_it_cheats(tmp_path):
    shift = ("--labeled_classes=0,1,2", "--unlabeled_classes=2,3")
    rounds = ("--algorithm=mixdmt", *tiny.SHORT_ROUNDS, "--models=1")
    for name, more in (("one", ()), ("rounds", (*rounds, "--select_on=last"))):
        done = tiny.session(tmp_path / name, *shift, *more, "--ood_score=oracle")
        assert done.code == 0, done.err
        found = tiny.Finished(tmp_path / name, done).results
        assert results.CHEATING in found["warnings"] and results.CHEATING in done.out
