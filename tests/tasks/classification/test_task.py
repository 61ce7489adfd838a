"""A run that is stopped anywhere resumes as if nothing had happened."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.algorithms.classification.supervised import Supervised
from mixdmt_tf.data.classification import splits
from mixdmt_tf.data.classification.config import Config as DataConfig
from mixdmt_tf.data.classification.datasets import digits
from mixdmt_tf.data.splits import write_split
from mixdmt_tf.runs import export
from mixdmt_tf.tasks.classification import recorder
from tests.tasks.classification import tiny

ROOT = pathlib.Path(__file__).resolve().parents[3]


def scores(folder):
    """Evaluations without what depends on clock and logging."""
    return [
        {name: value for name, value in row.items() if name.endswith("error")}
        for row in recorder.read_rows(folder)
    ]


def steps(folder):
    """Steps of the evaluations in metrics.csv and of the checkpoints."""
    evaluated = [row["step"] for row in recorder.read_rows(folder)]
    saved = [int(p.name[5:]) for p in (folder / "checkpoints").glob("step-*")]
    return evaluated, sorted(saved)


@pytest.fixture(scope="module")
def supervised(tmp_path_factory):
    """Digest and folder of supervised runs that nothing interrupted, by their flags."""
    known = {}

    def run(*more):
        if more not in known:
            folder = tmp_path_factory.mktemp("supervised") / "run"
            done = tiny.session(folder, tiny.SUPERVISED, *more)
            assert done.code == 0, done.err
            known[more] = done.digest, folder
        return known[more]

    return run


# --- stopped and resumed ---


def test_stopped_at_many_places_and_resumed(finished, tmp_path):
    folder = tmp_path / "run"
    for moment, step in (("progress", 5), ("evaluate", 8)):
        done = tiny.session(folder, moments={(moment, step): tiny.TERMINATE})
        assert done.code == 143
        message = f"stopped after step {step}, saved; the same command resumes\n"
        assert done.err == message
        assert not (folder / "results.json").exists()
    assert steps(folder) == ([4], [4, 6, 8])  # 4 is the best, 5 got too old
    done = tiny.session(folder)
    assert done.code == 0
    assert "resuming at step 8 (67 % done)" in done.out
    assert done.steps == (9, 10, 11, 12)
    assert done.digest == finished.session.digest
    assert steps(folder)[0] == [4, 8, 12]
    assert scores(folder) == scores(finished.folder)


def child(folder, moment):
    """A session in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "tests.runs.killed", str(folder), moment],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_killed_in_training_and_resumed(finished, tmp_path):
    assert child(tmp_path, "progress:8:KILL").returncode == -9
    assert steps(tmp_path) == ([4], [4, 6])
    again = child(tmp_path, "never")
    assert again.returncode == 0, again.stderr
    assert "resuming at step 6 (50 % done)" in again.stdout
    assert again.stdout.splitlines()[-1] == f"digest {finished.session.digest}"
    assert steps(tmp_path)[0] == [4, 8, 12]
    assert scores(tmp_path) == scores(finished.folder)


@pytest.mark.long
def test_killed_while_a_checkpoint_is_written_and_resumed(finished, tmp_path):
    assert child(tmp_path, "write:9:KILL").returncode == -9
    assert steps(tmp_path) == ([4, 8], [4, 6])
    (half,) = (tmp_path / "checkpoints").glob(".*")
    assert half.name == ".step-00000009.tmp" and list(half.iterdir())
    again = tiny.session(tmp_path)
    assert "resuming at step 6 (50 % done)" in again.out
    assert (again.code, again.digest) == (0, finished.session.digest)
    assert not half.exists()
    assert steps(tmp_path)[0] == [4, 8, 12]
    assert scores(tmp_path) == scores(finished.folder)


@pytest.mark.parametrize(
    "more, stops",
    [("--precision=mixed_bfloat16", (1, 7)), ("--strategy=mirrored", (5,))],
)
def test_resumption_in_bfloat16_and_on_two_devices(supervised, more, stops, tmp_path):
    whole, whole_folder = supervised(more)
    flags = (tiny.SUPERVISED, more)
    for step in stops:
        moments = {("progress", step): tiny.TERMINATE}
        assert tiny.session(tmp_path, *flags, moments=moments).code == 143
    done = tiny.session(tmp_path, *flags)
    assert (done.code, done.digest) == (0, whole)
    assert scores(tmp_path) == scores(whole_folder)


def test_other_settings_give_another_digest(supervised):
    assert len({supervised()[0], supervised("--seed=2")[0]}) == 2


def test_steps_per_execution_changes_nothing(supervised):
    one, folder = supervised()
    seven, other = supervised("--steps_per_execution=7")
    assert one == seven
    assert scores(folder) == scores(other)


# --- signals at awkward moments ---


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """The folder of a run that Ctrl-C ended, to be copied, and the session."""
    folder = tmp_path_factory.mktemp("interrupted") / "run"
    moments = {("progress", 7): tiny.INTERRUPT}
    return folder, tiny.session(folder, tiny.SUPERVISED, moments=moments)


def test_ctrl_c_saves_too(interrupted):
    folder, done = interrupted
    assert done.code == 130 and steps(folder)[1][-1] == 7
    assert done.err == "stopped after step 7, saved; the same command resumes\n"


@pytest.mark.parametrize("moment", ["progress", "evaluate"])
def test_stopped_after_the_last_step(supervised, moment, tmp_path):
    moments = {(moment, 12): tiny.TERMINATE}
    done = tiny.session(tmp_path, tiny.SUPERVISED, moments=moments)
    assert done.code == 143 and "stopped after step 12, saved" in done.err
    assert not (tmp_path / "results.json").exists()
    again = tiny.session(tmp_path, tiny.SUPERVISED)
    assert (again.code, again.steps) == (0, ())
    assert again.digest == supervised()[0]
    assert scores(tmp_path) == scores(supervised()[1])


def test_stopped_while_the_model_is_exported(supervised, tmp_path, monkeypatch):
    flags = (tiny.SUPERVISED, tiny.EXPORT)
    with monkeypatch.context() as patch:
        patch.setattr(export, "export", lambda *_, **__: tiny.TERMINATE())
        done = tiny.session(tmp_path, *flags)
    assert (done.code, done.err) == (143, "stopped\n")
    again = tiny.session(tmp_path, *flags)
    assert (again.code, again.digest) == (0, supervised()[0])
    assert (tmp_path / "export" / "saved_model.pb").exists()


def test_a_second_signal_stops_at_once(tmp_path):
    def twice():
        tiny.TERMINATE()
        tiny.INTERRUPT()

    done = tiny.session(tmp_path, tiny.SUPERVISED, moments={("save", 6): twice})
    assert (done.code, done.err) == (130, "stopped\n")
    assert steps(tmp_path)[1] == [3, 4]


# --- the end, and beyond ---


def test_a_finished_run_repeats_its_result(finished, tmp_path):
    before = finished.results
    stamps = {
        each: each.stat().st_mtime_ns
        for each in finished.folder.glob("**/step-*/*")
        if each.is_file()
    }
    again = tiny.session(finished.folder, "--compare_supervised", tiny.EXPORT)
    assert (again.code, again.steps) == (0, ())
    assert finished.results == before
    assert {each: each.stat().st_mtime_ns for each in stamps} == stamps
    lines = [line for line in again.out.splitlines() if line.startswith("test error")]
    assert len(lines) == 2 and all(line in finished.session.out for line in lines)


def test_more_steps_go_on(supervised, tmp_path):
    assert tiny.session(tmp_path, tiny.SUPERVISED, "--steps=5").code == 0
    assert steps(tmp_path)[0] == [4, 5]
    done = tiny.session(tmp_path, tiny.SUPERVISED)
    assert "resuming at step 5 (42 % done)" in done.out
    assert done.steps == tuple(range(6, 13))
    assert done.digest == supervised()[0]
    assert steps(tmp_path)[0] == [4, 5, 8, 12]


def test_fewer_steps_than_were_done(tmp_path):
    given = tmp_path, tiny.SUPERVISED, "--eval_every=99"
    tiny.session(*given, moments={("progress", 6): tiny.TERMINATE})
    fewer, done = (tiny.session(*given, f"--steps={n}") for n in (5, 6))
    assert fewer.code == 1 and "has 6 steps already" in fewer.err
    assert (done.code, done.steps, done.err, steps(tmp_path)[0]) == (0, (), "", [6])


def test_all_checkpoints_damaged(supervised, interrupted, tmp_path):
    folder = shutil.copytree(interrupted[0], tmp_path / "run")
    assert len(steps(folder)[1]) == 3
    for path in (folder / "checkpoints").glob("*/state.index"):
        path.write_bytes(path.read_bytes()[:-1])
    done = tiny.session(folder, tiny.SUPERVISED)
    assert done.out.count("is damaged and is not used") == 3
    assert (done.code, done.steps[0]) == (0, 1)
    assert done.digest == supervised()[0]
    assert steps(folder)[0] == [4, 8, 12]


def test_another_split_than_the_checkpoints_is_refused(interrupted, tmp_path):
    folder = shutil.copytree(interrupted[0], tmp_path / "run")
    source = digits.load(DataConfig(dataset="digits"))
    other = splits.make_split(source, labels=20, validation=50, seed=9)
    write_split(folder / "split.json", other)
    done = tiny.session(folder, tiny.SUPERVISED)
    assert done.code == 1
    assert "were trained on another split" in done.err
    assert len(done.err.splitlines()) <= 3


# --- a loss that explodes ---


def finite(folder):
    """Whether all numbers in all checkpoints are finite."""
    for place in (folder / "checkpoints").glob("step-*"):
        values = tf.train.load_checkpoint(str(place / "state"))
        for name in values.get_variable_to_shape_map():
            tensor = np.asarray(values.get_tensor(name))
            if tensor.dtype == np.float32 and not np.isfinite(tensor).all():
                return False
    return True


@pytest.mark.parametrize(
    "rate, message, saved",
    [
        ("1e15", "the loss is not finite at step 2: loss nan, loss_x nan, ", [1]),
        # The loss was computed before the step that spoilt the weights.
        ("1e39", "the weights are not finite at step 1: loss 2.", []),
    ],
)
def test_a_learning_rate_that_is_far_too_large(rate, message, saved, tmp_path):
    flags = (tiny.SUPERVISED, "--checkpoint_every=1", f"--learning_rate={rate}")
    done = tiny.session(tmp_path, *flags)
    assert done.code == 1
    lines = done.err.splitlines()
    assert lines[0].startswith(f"error: {message}")
    assert len(lines) == 2 and "--learning_rate" in lines[1]
    assert steps(tmp_path) == ([], saved)
    assert finite(tmp_path)
    assert not (tmp_path / "results.json").exists()


def test_checkpoints_before_the_loss_explodes_stay(tmp_path, monkeypatch):
    losses = Supervised.step_losses

    def exploding(self, batch):
        terms, reports = losses(self, batch)
        term = terms["loss_x"]
        late = tf.where(batch["step"] >= 7, float("inf"), 1.0)
        terms["loss_x"] = type(term)(term.values * late, term.mask, term.weight)
        return terms, reports

    monkeypatch.setattr(Supervised, "step_losses", exploding)
    done = tiny.session(tmp_path, tiny.SUPERVISED)
    assert done.code == 1
    assert "the loss is not finite at step 8: loss inf, loss_x inf, accura" in done.err
    assert steps(tmp_path) == ([4], [4, 6])
    assert finite(tmp_path)
    monkeypatch.undo()
    assert tiny.session(tmp_path, tiny.SUPERVISED).code == 0
