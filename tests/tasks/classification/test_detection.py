from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mixdmt_tf.data.classification.source import Images
from mixdmt_tf.data.classification.splits import make_split
from mixdmt_tf.tasks.classification import detection, recorder
from tests.data.classification import made_up
from tests.tasks.classification import tiny


class Confident:
    """A scorer whose confidence is the brightness of an image."""

    def predict(self, weights, images, poll):
        poll()
        sure = weights + (images[:, 0, 0, 0] / 255.0) * (1 - 2 * weights)
        return np.stack([sure, np.zeros_like(sure)], axis=-1)


class Weights:
    """An algorithm of one weight: 0 averaged, 1 (which turns confidence over) raw."""

    network = average = property(lambda self: self)

    def in_network(self, _):
        return 0.0

    def get_weights(self):
        return 1.0


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
    assert got["ood_raw_precision"] == 0.0


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
    results = tiny.Finished(tmp_path / "run", done).results
    assert results["ood_auroc"] == rows[-1]["ood_auroc"]
    assert results["ood_precision"] == rows[-1]["ood_precision"]
