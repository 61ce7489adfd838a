"""Reading a run's network back."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from mixdmt_tf import digests
from mixdmt_tf.data.classification.config import Config as DataConfig
from mixdmt_tf.data.classification.datasets import digits
from mixdmt_tf.errors import UserError
from mixdmt_tf.runs import trained
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.tasks import open_task
from mixdmt_tf.tasks.classification import recorder, scoring
from tests.tasks.classification import tiny


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of the finished run, to be spoilt."""
    return shutil.copytree(finished.folder, tmp_path / "run")


def load(folder, which="last"):
    return trained.load(open_task(tiny.experiment(folder)), folder, which)


def test_facts_of_the_data_are_beside_the_weights(finished):
    facts = json.loads((finished.folder / "data.json").read_text())
    source = digits.load(DataConfig(dataset="digits"))
    assert facts == {
        "dataset": "digits",
        "class_names": list("0123456789"),
        "image_shape": [8, 8, 1],
        "network_size": None,
        "fingerprint": source.fingerprint(),
    }


def test_the_last_checkpoint_gives_the_runs_result(finished):
    model = load(finished.folder)
    assert (model.step, model.image_shape) == (12, (8, 8, 1))
    assert model.class_names == tuple("0123456789")
    test = digits.load(DataConfig(dataset="digits")).test
    for name, key in (("ema", "test_error"), ("raw", "test_error_raw")):
        result = scoring.score(model.scorer, model.weights(name), test)
        assert result.error == finished.results[key]
    assert np.abs(model.weights("ema")[0] - model.weights("raw")[0]).max() > 0


def test_the_best_checkpoint_is_that_of_the_smallest_validation_error(copied):
    rows = recorder.read_rows(copied)
    best = min(rows, key=lambda row: row["validation_error"])
    model = load(copied, "best")
    assert model.step == best["step"]
    test = digits.load(DataConfig(dataset="digits")).test
    result = scoring.score(model.scorer, model.averaged, test)
    assert result.error == pytest.approx(best["test_error"])


def test_the_result_is_the_checkpoint_that_the_numbers_are_of(finished, monkeypatch):
    steps = [load(finished.folder, which).step for which in ("result", "last", "best")]
    assert steps[0] == steps[1] != steps[2]
    monkeypatch.setattr(Experiment, "snapshot", "best")
    assert load(finished.folder, "result").step == steps[2]


def test_there_is_no_best_without_validation(copied):
    rows = recorder.read_rows(copied)
    lines = ["step,test_error", *(f"{r['step']},{r['test_error']}" for r in rows)]
    digests.write(copied / "metrics.csv", "\n".join(lines))
    with pytest.raises(UserError, match="no validation scores.*\n.*--checkpoint=last"):
        load(copied, "best")


def test_an_older_checkpoint_does_not_stand_in_for_a_damaged_one(copied):
    steps = sorted(each.name for each in (copied / "checkpoints").iterdir())
    (copied / "checkpoints" / steps[-1] / "state.index").write_text("damaged")
    with pytest.raises(UserError, match=f"that of step {int(steps[-1][5:])}, is dam"):
        load(copied)


@pytest.mark.parametrize("missing", ["checkpoints", "data.json"])
def test_a_run_that_has_not_come_so_far(copied, missing):
    path = copied / missing
    shutil.rmtree(path) if path.is_dir() else digests.forget(path)
    with pytest.raises(UserError, match="no intact checkpoint yet"):
        load(copied)
    assert not path.exists()
