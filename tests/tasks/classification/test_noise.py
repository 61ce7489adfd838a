"""Estimates of wrong pseudo labels, and methods that ask for them."""

from __future__ import annotations

import dataclasses
import pathlib
import types

import numpy as np
import pytest

from mixdmt_tf.data.classification import datasets, pseudo_labels, splits
from mixdmt_tf.data.classification.splits import make_split
from mixdmt_tf.rounds import plan, stages
from mixdmt_tf.tasks.classification import noise, rounds
from tests.data.classification import made_up
from tests.tasks.classification import tiny

ROUNDS = (
    *("--algorithm=co_teaching", *tiny.SHORT_ROUNDS),
    *("--augment=none", "--select_on=last"),
)


class Asked:
    """A network that is .8 sure of the first pixel's class, say."""

    def __init__(self, source, wrong):
        self.scorer = self
        self.source, self.wrong = source, wrong

    def weights(self, name):
        return name

    def predict(self, weights, images):
        """Right but for some of the data set's images; as sure of those."""
        pool = self.source.train.images.reshape(len(self.source.train), -1)
        found = np.full((len(images), 3), 0.1, np.float32)
        for row, image in enumerate(images.reshape(len(images), -1)):
            place = int(np.flatnonzero((pool == image).all(1))[0])
            label = self.source.train.labels[place]
            found[row, (label + (place in self.wrong)) % 3] = 0.8
        return found


@pytest.fixture
def source():
    return made_up.source(counts=(20, 20, 20))


def labels_of(split, confidence=0.8):
    size = len(split.unlabeled)
    return pseudo_labels.PseudoLabels(
        split.unlabeled,
        np.zeros(size, np.int32),
        np.full(size, confidence, np.float32),
        np.ones(size, bool),
    )


def test_validation_images_tell(source):
    split = make_split(source, 6, 12, 3)
    model = Asked(source, set(split.validation[:3].tolist()))
    found = noise.estimate([model], source, split, labels_of(split))
    assert found["validation"] == pytest.approx(3 / 12)
    # .8, .1, .1 becomes .75, .125, .125: a quarter of the labels is wrong.
    assert found["confidence"] == pytest.approx(0.25, abs=1e-3)


def test_without_validation_images_the_labels_tell_how_sure_it_is(source):
    split = make_split(source, 12, 0, 3)
    model = Asked(source, set(split.labeled[:6].tolist()))
    found = noise.estimate([model], source, split, labels_of(split))
    assert found["validation"] is None
    assert found["confidence"] == pytest.approx(0.5, abs=1e-3)


def test_of_labels_of_several_networks_it_is_that_of_their_mean(source):
    """What one of three gets wrong their mean does not."""
    split = make_split(source, 6, 12, 3)
    held_out = split.validation.tolist()
    models = [Asked(source, set(held_out[i : i + 5])) for i in (0, 4, 8)]
    found = noise.estimate(models, source, split, labels_of(split, confidence=0.5))
    assert found["validation"] == pytest.approx(2 / 12)  # two are in two parts


def test_labels_kept_of_each_class_are_compared_with_their_class(source):
    """Where a network is surer of one class, so are the labels that are kept of it."""
    split = make_split(source, 6, 12, 3)
    truth = source.train.labels[split.validation]
    model = Asked(source, set(split.validation[truth == 0].tolist()))  # said to be 1
    pseudo = labels_of(split)
    pseudo.labels[:] = np.arange(len(pseudo.labels)) % 3
    pseudo.confidence[:] = np.where(pseudo.labels == 1, 0.9, 0.7)
    found = {
        count: noise.estimate([model], source, split, pseudo, count=count)
        for count in ("exact", "per_class")
    }
    assert found["exact"]["validation"] == pytest.approx((truth == 0).mean())
    # Nothing that is said to be of class 1 is as sure as what is kept of it.
    assert found["per_class"]["validation"] == 0


@pytest.mark.parametrize(
    "teachers, expected", [("last", ["model"]), ("all", ["model", "round_1", "base"])]
)
def test_all_who_gave_the_labels_are_asked(monkeypatch, teachers, expected):
    run = types.SimpleNamespace(init_from="", init_weights="ema")
    method = types.SimpleNamespace(teachers=teachers, count="exact")
    experiment = types.SimpleNamespace(run=run, method=method)
    planned = plan.stages((0.2, 0.6, 1.0), 1, True)
    of = stages.Stages(experiment, pathlib.Path(), None, None, planned)
    hooks = rounds.Rounds.__new__(rounds.Rounds)
    hooks.task, hooks.split = types.SimpleNamespace(source=None), None
    hooks.experiment = experiment
    monkeypatch.setattr(rounds.trained, "load", lambda _, folder: folder.name)
    monkeypatch.setattr(rounds.noise, "noted", lambda models, *rest: models)
    assert hooks._noted(of, planned[-1], "model", None) == expected


def test_of_labels_from_a_graph_there_is_none(source):
    split = make_split(source, 6, 12, 3)
    weights = np.ones(3, np.float32)
    pseudo = dataclasses.replace(labels_of(split), class_weights=weights)
    found = noise.estimate([Asked(source, set())], source, split, pseudo)
    assert found == {"validation": None, "confidence": None}


@pytest.mark.long
def test_a_run_in_rounds_estimates_in_each(tmp_path):
    run = tiny.session(tmp_path, *ROUNDS)
    assert run.code == 0, run.err
    source = datasets.load(tiny.experiment(tmp_path).data)
    split = splits.read_split(tmp_path / "split.json", source)
    for name in ("round_1", "round_2"):
        file = tmp_path / "pseudo_labels" / f"{name}.npz"
        found = pseudo_labels.read(file, split, 10).facts["noise"]
        assert 0 < found["validation"] <= 1 and 0 < found["confidence"] < 1


@pytest.mark.parametrize(
    "flags,words",
    [
        (("--validation=0",), "--noise_from=validation needs validation images"),
        (("--labeling=graph",), "Give --noise_rate"),
    ],
)
def test_an_estimate_that_cannot_be_made(tmp_path, flags, words):
    run = tiny.session(tmp_path / "run", *ROUNDS, *flags)
    assert run.code == 2 and words in run.err, run.err
    assert len(run.err.splitlines()) <= 3
    assert not (tmp_path / "run" / "split.json").exists()
