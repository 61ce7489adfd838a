"""`--dry_run` of segmentation runs."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from mixdmt_tf.cli import train
from mixdmt_tf.data.segmentation import pseudo_labels, splits
from mixdmt_tf.data.segmentation.datasets import digit_scenes
from mixdmt_tf.data.splits import write_split
from mixdmt_tf.errors import UserError
from mixdmt_tf.runs.session import Session
from mixdmt_tf.tasks import dry_run, open_task
from mixdmt_tf.tasks.segmentation.dry_run import few
from tests.data.segmentation.files import MemorySample, in_memory
from tests.tasks.segmentation import short, tiny

IMAGES = in_memory(
    40,
    unknown=range(0, 40, 3),
    validation=[MemorySample(f"v{i}") for i in range(5)],
    test=[MemorySample(f"t{i}") for i in range(5)],
)


def test_few_samples_are_what_they_were():
    split = splits.make_split(IMAGES, 10, seed=3)
    small, own = few(IMAGES, split)
    assert (len(small.train), len(own.labeled), len(own.unlabeled)) == (16, 4, 12)
    names = [sample.name for sample in small.train]
    assert names == sorted(names)
    for mine, whole in ((own.labeled, split.labeled), (own.unlabeled, split.unlabeled)):
        theirs = [IMAGES.train[i] for i in whole]
        assert [small.train[i] for i in mine] == theirs[: len(mine)]
    assert (len(small.validation), len(small.test)) == (2, 2)
    assert own.fingerprint == small.fingerprint() != split.fingerprint
    assert own.seed == split.seed


class Ignored(MemorySample):
    """All of its pixels are 255."""

    def labels(self):
        return np.full_like(super().labels(), 255)


def test_one_of_the_few_has_a_class():
    """Otherwise neither a loss nor a mean IoU would exist."""
    samples = [Ignored(f"i{i}") for i in range(6)] + [MemorySample("m")]
    whole = dataclasses.replace(
        IMAGES,
        train=[*samples, MemorySample("u", False), MemorySample("w", False)],
        validation=samples,
        test=samples[::-1],
    )
    small, own = few(whole, splits.make_split(whole, 7, seed=0))
    labeled = [small.train[i].name for i in own.labeled]
    assert len(labeled) == 4 and "m" in labeled
    assert [each.name for each in small.validation] == ["i5", "m"]
    assert [each.name for each in small.test] == ["m", "i5"]


def test_fewer_samples_than_few():
    source = in_memory(5)
    split = splits.make_split(source, 2, seed=0)
    small, own = few(source, split)
    assert small.train == source.train and small.test is None
    np.testing.assert_array_equal(own.labeled, split.labeled)
    np.testing.assert_array_equal(own.unlabeled, split.unlabeled)


def test_labels_for_all():
    _, own = few(source := in_memory(40), splits.make_split(source, None, seed=0))
    assert (len(own.labeled), len(own.unlabeled)) == (16, 0)


@pytest.fixture
def watched(monkeypatch):
    """What was trained: folder's name, steps, where they began, size of x."""
    seen = []
    before = Session._train

    def watch(self, pipeline, start):
        size = tuple(pipeline.at(0)["x"].shape)
        seen.append((self.path.name, start, self.experiment.run.steps, size))
        before(self, pipeline, start)

    monkeypatch.setattr(Session, "_train", watch)
    return seen


@pytest.mark.long
def test_a_run_in_rounds(watched, tmp_path, capsys):
    """Everything twice, and the second time it resumes from the checkpoints."""
    more = ("--algorithm=dmt", "--rounds=1", "--fractions=20", "--crop=33x41")
    more += ("--base_batch=3", "--unlabeled_ratio=1", "--models=1")
    with short.few_samples():
        assert train.main(short.flags(tmp_path / "run", *more, "--dry_run")) == 0
    sizes = {"base": (3, 33, 41, 3), "round_1": (2, 33, 41, 3)}
    first = [(name, 0, 1, size) for name, size in sizes.items()]
    assert watched == first + [(name, 1, 2, size) for name, _, _, size in first]
    said = capsys.readouterr().out
    assert "digit_scenes: 4 labelled, 12 unlabelled, 2 validation, 2 test" in said
    assert "round_1: the most confident 100 %" in said
    assert said.endswith("dry run complete: nothing was kept\n")
    assert not list(tmp_path.iterdir())


def test_a_single_run(watched, tmp_path, capsys):
    run = tmp_path / "run"
    run.mkdir()
    (run / "notes.txt").write_text("precious")
    more = ("--algorithm=supervised", "--export=true", "--dry_run")
    with short.few_samples():
        assert train.main(short.flags(run, *more)) == 0
    size = (2, 17, 17, 3)
    assert watched == [("run", 0, 1, size), ("run", 1, 2, size)]
    assert capsys.readouterr().out.endswith("dry run complete: nothing was kept\n")
    assert [path.name for path in run.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("name", ["mean_teacher", "cutmix", "online_st"])
def test_other_methods_learn_from_few_samples(name, tmp_path, monkeypatch):
    """Without training them: `tests/conformance` does."""
    seen = []
    monkeypatch.setattr(dry_run.fit, "train", lambda *each: seen.append(each))
    experiment = tiny.experiment(tmp_path / "run", f"--algorithm={name}")
    dry_run.dry_run(experiment)
    assert [each.run.steps for each, _ in seen] == [1, 2]
    whole = open_task(experiment).resolve()  # with the settings of its own length
    for found, source in seen:
        assert found.run.batch == 2 and len(source.train) == 16
        assert found.method == whole.method
        assert not found.run.workdir.startswith(str(tmp_path))


@pytest.mark.parametrize("name", ["dmt", "cutmix"])
def test_no_unlabelled_samples(name, tmp_path, capsys):
    argv = tiny.flags(tmp_path / "run", f"--algorithm={name}", "--dry_run")
    argv[argv.index("--labels=1/20")] = "--labels=400"
    assert train.main(argv) == 2
    said = capsys.readouterr().err
    assert f"--algorithm={name} needs unlabelled images, and all 400 of" in said
    assert not list(tmp_path.iterdir())


def test_pseudo_labels_that_are_given_are_looked_at(tmp_path):
    source = digit_scenes.load(None)
    split = splits.make_split(source, "1/20", seed=1)
    folder = tmp_path / "labels"
    pseudo_labels.begin(folder, split, "a")
    pseudo_labels.finish(folder, split, np.zeros(11), {}, "")
    more = ("--algorithm=dmt", "--models=2", f"--pseudo_labels={folder}")
    experiment = tiny.experiment(tmp_path / "run", *more, "--round_steps=3")
    found = dry_run._without_files(open_task(experiment, source))
    assert (found.method.rounds, found.method.models) == (1, 1)
    assert found.data.pseudo_labels == ""
    run = dataclasses.replace(experiment.run, seed=2)
    with pytest.raises(UserError, match="belongs to another split"):
        dry_run.dry_run(dataclasses.replace(experiment, run=run))


def test_a_base_model_that_is_given_is_looked_at(tmp_path):
    source = digit_scenes.load(None)
    base = tiny.experiment(tmp_path, "--algorithm=supervised")
    (tmp_path / "flags.txt").write_text(base.flagfile())
    for name in ("data.json", "results.json"):
        (tmp_path / name).write_text(json.dumps({}))
    split = splits.make_split(source, "1/20", seed=1)
    write_split(tmp_path / "split.json", split)
    more = ("--algorithm=dmt", "--models=1", f"--init_from={tmp_path}")
    experiment = tiny.experiment(tmp_path / "run", *more)
    assert dry_run._without_files(open_task(experiment, source)).run.init_from == ""
    run = dataclasses.replace(experiment.run, seed=2)
    with pytest.raises(UserError, match="labels that this run hides"):
        dry_run.dry_run(dataclasses.replace(experiment, run=run))
