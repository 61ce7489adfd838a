"""Sources shrunk for `--dry_run`; the rehearsal itself is tested with the command."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mixdmt_tf.experiments import rehearsal
from mixdmt_tf.experiments.rehearsal import shrink
from tests.data import made_up
from tests.experiments import tiny


def test_few_images_hold_all_classes_alike():
    source = made_up.source(counts=(400, 300, 200))
    small = shrink(source, 64)
    counts = np.bincount(small.train.labels)
    assert counts.tolist() == [22, 21, 21]


def test_a_rare_class_is_there_completely():
    source = made_up.source(counts=(400, 3, 200))
    assert np.bincount(shrink(source, 64).train.labels)[1] == 3


def test_pictures_keep_their_labels():
    source = made_up.source(counts=(100, 100))
    known = {
        image.tobytes(): label
        for image, label in zip(source.train.images, source.train.labels)
    }
    small = shrink(source, 20).train
    assert len(small) == 20
    for image, label in zip(small.images, small.labels):
        assert known[image.tobytes()] == label


def test_images_of_unknown_class_are_among_them():
    small = shrink(made_up.source(counts=(100, 100), unknown=100), 30)
    assert np.count_nonzero(small.train.labels == -1) == 10


def test_many_classes_get_four_images_each():
    small = shrink(made_up.source(counts=(10,) * 30), 64)
    assert np.bincount(small.train.labels).tolist() == [4] * 30


@pytest.mark.parametrize("part", ["test", "validation"])
def test_other_parts_shrink_too(part):
    source = made_up.source()
    assert getattr(shrink(source, 64), part) is None
    labels = [0] * 100 + [1] * 100 + [2] * 100
    more = dataclasses.replace(source, **{part: made_up.images(labels)})
    counts = np.bincount(getattr(shrink(more, 64), part).labels)
    assert counts.tolist() == [22, 21, 21]


def test_a_small_source_stays_as_it_is():
    source = made_up.source(counts=(5, 4))
    assert shrink(source, 64).train is source.train


def test_other_images_are_other_data():
    source = made_up.source(counts=(400, 300))
    before = source.fingerprint()
    assert shrink(source, 64).fingerprint() != before


def test_with_few_of_many_classes(tmp_path):
    """Of 64 pictures most are of classes that are not to be told apart."""
    experiment = tiny.experiment(
        tmp_path / "run", "--labeled_classes=0,1,2", "--unlabeled_classes=all"
    )
    results = rehearsal.rehearse(experiment)
    assert results["steps"] == 2 and 3 <= results["labels"] <= 20
    assert not (tmp_path / "run").exists()
