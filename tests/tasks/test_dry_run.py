"""Sources shrunk for `--dry_run`; the dry run itself is tested with the command."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mixdmt_tf.data.classification import datasets, pseudo_labels
from mixdmt_tf.data.splits import write_split
from mixdmt_tf.errors import UserError
from mixdmt_tf.runs.splits import choose_split
from mixdmt_tf.tasks import dry_run, fit, open_task
from mixdmt_tf.tasks.classification.dry_run import shrink
from tests.data.classification import made_up
from tests.tasks.classification import tiny


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


def test_classes_that_are_not_selected_take_no_places_of_those_that_are():
    """Of 100 classes two have labels, and images of three others are unlabelled."""
    source = made_up.source(counts=(10,) * 100)
    labels = source.train.labels
    pool = labels >= 95
    labels = np.where(labels < 2, labels, -labels - 2).astype(np.int32)
    source = dataclasses.replace(
        source,
        class_names=source.class_names[:2],
        train=dataclasses.replace(source.train, labels=labels),
        pool=pool | (labels >= 0),
        outside_names=source.class_names,
    )
    small = shrink(source, 64)
    assert len(small.train) == 64
    assert np.count_nonzero(small.train.labels >= 0) >= 18
    assert small.pool.sum() > 20 and len(small.pool) == 64


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
    """Of 64 images most are of classes that are not to be told apart."""
    experiment = tiny.experiment(
        tmp_path / "run", "--labeled_classes=0,1,2", "--unlabeled_classes=all"
    )
    results = dry_run.dry_run(experiment)
    assert results["steps"] == 2 and 3 <= results["labels"] <= 20
    assert not (tmp_path / "run").exists()


def test_with_as_many_labels_as_classes(tmp_path):
    """None can be held out; nor would the run do so."""
    source = made_up.source(counts=(1, 1, 1), unknown=40, default_labels=3)
    flags = ("--labels=none", "--validation=none")
    task = open_task(tiny.experiment(tmp_path / "run", *flags), source)
    task = task.replace(task.resolve()).small(tmp_path)
    split = choose_split(task)
    found = [len(each) for each in (split.labeled, split.unlabeled, split.validation)]
    assert found == [3, 40, 0]


@pytest.mark.parametrize(
    "labels, validation, message",
    [
        (5, 50, "at least one for each of the 10 classes"),
        (1442, 0, "needs unlabelled images, and all 1442 of digits are labelled"),
    ],
)
def test_what_a_run_would_refuse_is_refused(labels, validation, message, tmp_path):
    flags = (f"--labels={labels}", f"--validation={validation}")
    with pytest.raises(UserError, match=message):
        dry_run.dry_run(tiny.experiment(tmp_path / "run", *flags))


@pytest.fixture
def watched(monkeypatch):
    """The stages that were trained: folder's name, steps, where they began."""
    seen = []
    train = fit.Session._train

    def watch(self, pipeline, start):
        seen.append((self.path.name, start, self.experiment.run.steps))
        train(self, pipeline, start)

    monkeypatch.setattr(fit.Session, "_train", watch)
    return seen


LONG = ("--algorithm=dmt", "--steps=none", "--base_batch=8", "--unlabeled_ratio=2")


@pytest.mark.long
def test_a_run_in_rounds(tmp_path, watched, capsys):
    """Everything twice, and the second time it resumes from the checkpoints."""
    more = ("--rounds=3", "--fractions=1,2,100", "--select_on=valtiny")
    flags = (*LONG, *more, "--augment=none")
    experiment = tiny.experiment(tmp_path / "run", *flags)
    found = dry_run.dry_run(experiment)
    names = ("base", "round_1", "round_2")
    first = [(name, 0, 1) for name in names]
    assert watched == first + [(name, 1, 2) for name in names]
    assert found["steps"] == 6 and len(found["rounds"]) == 2
    assert not list(tmp_path.iterdir())
    # Nothing but these few steps depends on how long the run would be.
    assert found["flags"]["rounds"] == "2" and found["flags"]["gamma1"] == "4.0"


def test_a_run_in_rounds_without_validation_images(tmp_path):
    flags = (*LONG, "--select_on=valtiny", "--validation=0")
    with pytest.raises(UserError, match="needs validation images"):
        dry_run.dry_run(tiny.experiment(tmp_path / "run", *flags))


@pytest.fixture
def tried(monkeypatch):
    """The settings that would be tried, as in the run in rounds above."""
    seen = []
    monkeypatch.setattr(dry_run, "_in_rounds", lambda task: seen.append(task))
    return seen


def test_a_base_model_that_is_given_is_looked_at(tmp_path, tried):
    base = tmp_path / "base"
    flags = ("--algorithm=dmt_baseline", "--steps=1", "--augment=none")
    fit.train(tiny.experiment(base, *flags))
    flags = (*LONG, "--rounds=3", "--augment=none", f"--init_from={base}")
    with pytest.raises(UserError, match="labels that this run hides"):
        dry_run.dry_run(tiny.experiment(tmp_path / "run", *flags, "--seed=2"))
    assert not tried
    dry_run.dry_run(tiny.experiment(tmp_path / "run", *flags))
    (found,) = (each.experiment for each in tried)
    assert (found.run.init_from, found.run.steps) == ("", None)
    assert (found.method.rounds, found.data.pseudo_labels) == (3, "")


def test_pseudo_labels_that_are_given_are_looked_at(tmp_path, tried):
    experiment = tiny.experiment(tmp_path / "run", *LONG, "--augment=none")
    source = datasets.load(experiment.data)
    split = choose_split(open_task(experiment, source))
    number = len(split.unlabeled)
    pseudo = pseudo_labels.PseudoLabels(
        split.unlabeled,
        np.zeros(number, np.int32),
        np.ones(number, np.float32),
        np.ones(number, np.bool_),
    )
    write_split(tmp_path / "split.json", split)
    pseudo_labels.write(tmp_path / "labels.npz", pseudo, split)
    data = dataclasses.replace(
        experiment.data, pseudo_labels=str(tmp_path / "labels.npz")
    )
    run = dataclasses.replace(experiment.run, steps=5)
    experiment = dataclasses.replace(experiment, data=data, run=run)
    dry_run.dry_run(experiment)
    (found,) = (each.experiment for each in tried)
    assert (found.data.pseudo_labels, found.run.steps) == ("", None)
    assert (found.method.rounds, found.method.models) == (1, 1)
    assert found.method.select_on == "last"
    run = dataclasses.replace(run, seed=2)
    with pytest.raises(UserError, match="belongs to another split"):
        dry_run.dry_run(dataclasses.replace(experiment, run=run))


def test_a_comparison_that_the_run_would_refuse(tmp_path):
    flags = ("--algorithm=mixdmt", *tiny.SHORT_ROUNDS, "--compare_supervised")
    with pytest.raises(UserError, match="method of the base model, realmix"):
        dry_run.dry_run(tiny.experiment(tmp_path / "run", *flags))
