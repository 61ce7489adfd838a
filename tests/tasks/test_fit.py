"""From settings to results."""

from __future__ import annotations

import dataclasses
import json
import shutil
import statistics
from unittest import mock

import pytest

from mixdmt_tf import algorithms
from mixdmt_tf.data.classification import datasets
from mixdmt_tf.data.classification.config import Config as DataConfig
from mixdmt_tf.data.classification.datasets import digits
from mixdmt_tf.errors import UserError
from mixdmt_tf.models.base import Network
from mixdmt_tf.runs import precision, runtime
from mixdmt_tf.runs.session import Session
from mixdmt_tf.settings import settings_of, to_text
from mixdmt_tf.tasks import fit, open_task
from mixdmt_tf.tasks.classification import recorder
from mixdmt_tf.tasks.classification.scoring import Scorer
from mixdmt_tf.tasks.classification.task import Classification
from tests.tasks.classification import tiny
from tests.tasks.segmentation import short


def test_results_hold_what_was_promised(finished):
    assert {
        "algorithm",
        "dataset",
        "labels",
        "seed",
        "steps",
        "test_error",
        "test_error_raw",
        "test_error_median20",
        "seconds",
        "versions",
        "machine",
        "flags",
        "supervised_error",
        "supervised_error_raw",
    } <= set(finished.results)
    facts = [finished.results[n] for n in ("algorithm", "dataset", "labels", "steps")]
    assert facts == ["realmix", "digits", 20, 12]


def test_results_are_the_last_row_of_the_metrics(finished):
    rows = recorder.read_rows(finished.folder)
    assert [row["step"] for row in rows] == [4, 8, 12]
    found = finished.results
    for name in ("test", "validation"):
        assert found[f"{name}_error"] == rows[-1][f"{name}_error"]
        assert found[f"{name}_error_raw"] == rows[-1][f"{name}_raw_error"]
    median = statistics.median(row["test_error"] for row in rows)
    assert found["test_error_median20"] == median
    assert found["seconds"] == rows[-1]["seconds"] > 0
    assert rows == sorted(rows, key=lambda row: row["seconds"])


def test_the_flags_of_the_results_repeat_the_run(finished):
    flags = finished.results["flags"]
    text = (finished.folder / "flags.txt").read_text()
    for name, value in flags.items():
        assert f"--{name}={value}\n" in text
    assert flags["workdir"] == str(finished.folder)
    assert flags["strategy"] == "none" and flags["jit_compile"] == "off"


def test_the_baseline_differs_in_nothing_but_the_algorithm(finished):
    folder = finished.folder / "supervised"
    baseline = json.loads((folder / "results.json").read_text())
    assert finished.results["supervised_error"] == baseline["test_error"]
    assert finished.results["supervised_error_raw"] == baseline["test_error_raw"]
    ours, theirs = finished.results["flags"], baseline["flags"]
    differing = {n for n in theirs if n in ours and theirs[n] != ours[n]}
    assert differing == {"algorithm", "workdir", "split", "compare_supervised"}
    config = algorithms.method("classification", "supervised").config_class
    own = {each.name: to_text(each.default) for each in settings_of(config)}
    assert {n: theirs[n] for n in theirs if n not in ours} == {
        n: own[n] for n in own if n not in ours
    }
    assert baseline["steps"] == finished.results["steps"]
    split = (finished.folder / "split.json").read_bytes()
    assert (folder / "split.json").read_bytes() == split


def test_the_baseline_is_the_supervised_run(finished, tmp_path):
    split = f"--split={finished.folder / 'split.json'}"
    done = tiny.session(tmp_path, tiny.SUPERVISED, split)
    assert done.code == 0
    alone = json.loads((tmp_path / "results.json").read_text())
    assert finished.results["supervised_error_raw"] == alone["test_error_raw"]
    assert finished.results["supervised_error"] == alone["test_error"]


def test_a_run_with_its_baseline_may_move_and_go_on(finished, tmp_path):
    folder = shutil.copytree(finished.folder, tmp_path / "moved")
    more = tiny.session(folder, "--compare_supervised", "--steps=13")
    assert (more.code, more.steps) == (0, (13, 13))
    found = json.loads((folder / "results.json").read_text())
    assert found["steps"] == 13 and found["supervised_error"] is not None


def test_an_interrupted_baseline_goes_on(finished, tmp_path):
    folder = shutil.copytree(finished.folder, tmp_path / "run")
    shutil.rmtree(folder / "supervised")
    moments = {("progress", 5): tiny.TERMINATE}
    done = tiny.session(folder, "--compare_supervised", moments=moments)
    assert done.code == 143 and done.steps == (1, 2, 3, 4, 5)
    found = json.loads((folder / "results.json").read_text())
    assert found["test_error"] == finished.results["test_error"]
    assert "supervised_error" not in found
    done = tiny.session(folder, "--compare_supervised")
    assert (done.code, done.steps) == (0, tuple(range(6, 13)))
    found = json.loads((folder / "results.json").read_text())
    for name in ("test_error", "supervised_error", "supervised_error_raw"):
        assert found[name] == finished.results[name]


def test_a_supervised_run_has_no_baseline(tmp_path):
    flags = ("--compare_supervised", tiny.SUPERVISED, "--steps=1")
    assert tiny.session(tmp_path, *flags).code == 0
    found = json.loads((tmp_path / "results.json").read_text())
    assert "supervised_error" not in found
    assert not (tmp_path / "supervised").exists()


def supervised(folder, *more):
    return tiny.experiment(folder, tiny.SUPERVISED, "--steps=1", *more)


def test_the_home_folder_may_be_written_short(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    outcome = fit.train(supervised("~/run"))
    assert outcome == json.loads((tmp_path / "run" / "results.json").read_text())
    assert outcome["flags"]["workdir"] == str(tmp_path / "run")
    assert not (tmp_path / "~").exists()


def test_a_run_without_a_folder_goes_to_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit.train(supervised(""))
    assert (tmp_path / "runs" / "supervised_digits_20_seed1" / "results.json").exists()


def test_auto_is_written_as_what_it_meant(tmp_path):
    experiment = supervised(tmp_path)
    run = dataclasses.replace(experiment.run, precision="auto")
    assert run.strategy == run.jit_compile == "auto"
    outcome = fit.train(dataclasses.replace(experiment, run=run))
    resolved = runtime.resolve(run, Network())
    for name in ("precision", "strategy", "jit_compile"):
        value = getattr(resolved, name)
        assert value != "auto" and outcome["flags"][name] == value
        assert f"--{name}={value}\n" in (tmp_path / "flags.txt").read_text()


def test_data_without_test_or_validation_images(tmp_path):
    source = digits.load(DataConfig(dataset="digits"))
    alone = dataclasses.replace(source, test=None)
    outcome = fit.train(supervised(tmp_path, "--validation=0", tiny.EXPORT), alone)
    assert outcome["test_error"] is None and outcome["validation_error"] is None
    assert (tmp_path / "export" / "saved_model.pb").exists()


def test_a_folder_in_use_is_refused_before_any_work(tmp_path, monkeypatch):
    experiment = supervised(tmp_path)
    loaded = []
    monkeypatch.setattr(datasets, "load", loaded.append)
    with fit.RunFolder(tmp_path, experiment), pytest.raises(UserError, match="in use"):
        fit.train(experiment)
    assert not loaded


ENLARGED = ("--image_size=128",)


@pytest.mark.parametrize(
    "flags, asked",
    [
        (["--steps=70000", "--precision=auto"], True),  # of 8 images of 8 x 8 pixels
        (["--steps=60000", "--precision=auto"], False),
        (["--steps=400", "--precision=auto", *ENLARGED], True),
        (["--steps=200", "--precision=auto", *ENLARGED], False),
        (["--steps=70000"], False),
    ],
)
def test_long_runs_measure_which_precision_is_fastest(
    monkeypatch, tmp_path, flags, asked
):
    """Unless the precision is given."""
    calls = []
    monkeypatch.setattr(precision, "candidates", lambda: ["mixed_bfloat16", "float32"])
    monkeypatch.setattr(precision, "measured", lambda *_: calls.append(1) or "float32")
    task = open_task(tiny.experiment(tmp_path, tiny.SUPERVISED, *flags))
    task = task.replace(task.resolve())
    fit._precision(task)
    assert bool(calls) == asked
    monkeypatch.setattr(precision, "inexact", lambda network: True)
    calls.clear()
    if "--precision=auto" in flags:
        assert fit._precision(task) == "float32"
    assert not calls


@pytest.mark.parametrize("minutes, expected", [(3, "mixed_bfloat16"), (1, "float32")])
def test_steps_are_timed_in_the_precision_that_is_measured(
    minutes, expected, monkeypatch, tmp_path
):
    """Whatever is suggested; if there are minutes for it."""
    names = ["float32", "mixed_bfloat16"]
    monkeypatch.setattr(precision, "candidates", lambda: names)
    monkeypatch.setattr(precision, "measured", lambda *_: names[1])
    seen = []

    def within(task, train):
        seen.append(task.experiment.run.precision)
        raise UserError("here steps would be timed")

    monkeypatch.setattr(fit.budget, "within_minutes", within)
    flags = (tiny.SUPERVISED, "--precision=auto", "--steps=none")
    with pytest.raises(UserError, match="here steps would be timed"):
        fit.train(tiny.experiment(tmp_path, *flags, f"--max_minutes={minutes}"))
    assert seen == [expected]


def test_where_there_is_one_precision_nothing_is_loaded_for_it(monkeypatch, tmp_path):
    monkeypatch.setattr(precision, "candidates", lambda: ["float32"])
    monkeypatch.setattr(datasets, "load", None)
    flags = ("--steps=70000", "--precision=auto", tiny.SUPERVISED)
    task = open_task(tiny.experiment(tmp_path, *flags))
    assert fit._precision(task.replace(task.resolve())) == "float32"


def test_pixels_of_scenes_are_those_of_crops(tmp_path):
    flags = (*short.SINGLE, "--algorithm=supervised", "--crop=17x33")
    with short.few_samples():
        assert fit._pixels(open_task(short.experiment(tmp_path, *flags))) == 17 * 33


def test_what_only_evaluation_needs_is_made_after_the_first_step(tmp_path, monkeypatch):
    later = mock.Mock(side_effect=AssertionError("too early"))
    monkeypatch.setattr(Scorer, "build", later)
    monkeypatch.setattr(Classification, "show_inputs", later)
    begun = mock.Mock(side_effect=KeyboardInterrupt)
    monkeypatch.setattr(Session, "_begun", begun)
    # With a network of its own: other runs of the tests may have left a scorer.
    done = tiny.session(tmp_path, tiny.SUPERVISED, "--filters=3")
    assert (done.code, done.steps, begun.call_count) == (130, (), 1), done.err
