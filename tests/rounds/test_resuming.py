"""A run in rounds that was stopped ends as if it had not been, bit for bit."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from unittest import mock

import pytest

from mixdmt_tf.data.classification import pseudo_labels
from mixdmt_tf.rounds import records
from mixdmt_tf.runs import export
from mixdmt_tf.tasks.classification import round_plots, round_records
from tests.cli import commands
from tests.rounds.comparing import facts
from tests.tasks.classification import tiny

FLAGS = (*tiny.ROUNDS, "--compare_supervised")


@pytest.fixture(scope="module")
def straight(finished_rounds):
    return facts(finished_rounds.folder, *FLAGS)


def at_call(number, act):
    """Does something the so-maniest time it is called."""
    calls = []

    def called():
        calls.append(None)
        if len(calls) == number:
            act()

    return called


STAGES = ("base", "round_1", "round_2")
ENDINGS = ("checkpoints", "export", "metrics.csv", "data.json", "results.json")


def removed(paths):
    for path in paths:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def before_stage(finished, folder, stage):
    """What a run has in its folder when a round begins: it need not train it again."""
    shutil.copytree(finished.folder, folder)
    later = STAGES[STAGES.index(stage) :]
    labels = [folder / "pseudo_labels" / f"{name}.npz" for name in later]
    missing = [folder / name for name in (*ENDINGS, "rounds.csv", *later)]
    removed([*missing, *labels, *folder.glob("*.png")])


@pytest.mark.long
@pytest.mark.parametrize("stage", STAGES[:2])
def test_stopped_in_the_middle_of_a_stage(stage, finished_rounds, straight, tmp_path):
    folder = tmp_path / "run"
    if stage != "base":
        before_stage(finished_rounds, folder, stage)
    stop = {("progress", 4): tiny.TERMINATE}
    stopped = tiny.session(folder, *FLAGS, moments=stop)
    assert (stopped.code, stopped.steps) == (143, (1, 2, 3, 4)), stopped.err
    assert "stopped after step 4, saved; the same command resumes" in stopped.err
    assert not (folder / "results.json").exists()
    assert (folder / stage / "checkpoints").exists()
    assert not (folder / stage / "results.json").exists()
    resumed = tiny.session(folder, *FLAGS)
    assert resumed.code == 0, resumed.err
    left = len(STAGES) - 1 - STAGES.index(stage)
    assert resumed.steps == (5, 6, *left * (1, 2, 3, 4, 5, 6))
    assert "resuming at step 4 (67 % done)" in resumed.out
    assert facts(folder, *FLAGS) == straight
    # Optimizer and average, too.
    assert resumed.last_digest == finished_rounds.session.last_digest


def wrapped(function, first, then):
    def call(*args, **kwargs):
        first()
        found = function(*args, **kwargs)
        then()
        return found

    return call


def nothing():
    pass


# In their order: a function of a module, whether before its work or after, and whether
# the labels of round 2 are there then.
BETWEEN = (
    (round_records, "write", True, False),  # the table of round 1
    (pseudo_labels, "write", True, False),  # labels of round 2
    (pseudo_labels, "write", False, True),
    (export, "export", True, True),
    (records, "run_summary", True, True),  # the results
)


def stopped_at(folder, module, name, first):
    """A session that is asked to stop when a function is called."""
    strike = at_call(1, tiny.TERMINATE)
    hooks = (strike, nothing) if first else (nothing, strike)
    with mock.patch.object(module, name, wrapped(getattr(module, name), *hooks)):
        return tiny.session(folder, *FLAGS, f"--export={module is export}")


def test_stopped_between_stages_and_in_the_last_one(
    finished_rounds, straight, tmp_path
):
    """One run, stopped again and again: what one stop left, the next session takes."""
    folder = tmp_path / "run"
    shutil.copytree(finished_rounds.folder, folder)
    missing = (*ENDINGS, "rounds.csv", "round_2", "pseudo_labels/round_2.npz")
    removed([folder / name for name in missing] + [*folder.glob("*.png")])
    labels = folder / "pseudo_labels" / "round_2.npz"
    for module, name, first, labelled in BETWEEN:
        stopped = stopped_at(folder, module, name, first)
        assert stopped.code == 143, (name, stopped.err)
        assert labels.exists() == labelled, name
        assert not (folder / "results.json").exists()
        if (name, first) == ("write", False):  # go on, to the middle of the round
            moments = {("progress", 4): tiny.TERMINATE}
            middle = tiny.session(folder, *FLAGS, moments=moments)
            assert (middle.code, middle.steps) == (143, (1, 2, 3, 4)), middle.err
        if module is export:  # which the rest of the round came before
            assert stopped.steps == (5, 6)
            assert stopped.last_digest == finished_rounds.session.last_digest
    resumed = tiny.session(folder, *FLAGS, tiny.EXPORT)
    assert (resumed.code, resumed.steps) == (0, ()), resumed.err
    assert (folder / "export" / "saved_model.pb").exists()
    assert facts(folder, *FLAGS) == straight


@pytest.mark.long
def test_killed_in_a_process_of_its_own(tmp_path):
    """A fresh process trains as one does that has built other networks before."""
    flags = (
        "--algorithm=dmt",
        "--augment=none",
        "--steps=none",
        "--rounds=1",
        "--base_steps=4",
        "--base_batch=8",
        "--round_steps=5",
        "--unlabeled_ratio=2",
    )

    module, moment = "tests.runs.killed", "write:5:KILL"  # of the round
    killed = subprocess.run(
        [sys.executable, "-m", module, str(tmp_path / "killed"), moment, *flags],
        cwd=commands.ROOT,
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    folder = tmp_path / "killed" / "round_1"
    assert list((folder / "checkpoints").glob(".*.tmp"))
    done = tiny.session(tmp_path / "killed", *flags)
    assert done.code == 0 and "resuming at step " in done.out, done.err
    straight = tiny.session(tmp_path / "straight", *flags)
    assert straight.code == 0, straight.err
    assert done.last_digest == straight.last_digest
    first, second = (facts(tmp_path / name, *flags) for name in ("killed", "straight"))
    assert first == second


def test_a_finished_run_is_not_trained_again(finished_rounds, straight, tmp_path):
    folder = shutil.copytree(finished_rounds.folder, tmp_path / "moved")
    drawn = mock.Mock(wraps=round_plots.write)
    with mock.patch.object(round_plots, "write", drawn):
        again = tiny.session(folder, *FLAGS)
    ((_, rounds, _), _) = drawn.call_args
    assert drawn.call_count == 1 and len(rounds) == 2
    assert (again.code, again.steps) == (0, ())
    assert again.out.count("finished: ") == 3
    assert facts(folder, *FLAGS) == straight
    seconds = [
        json.loads((place / "results.json").read_text())["seconds"]
        for place in (folder, finished_rounds.folder)
    ]
    assert seconds[0] == seconds[1]


def test_lost_pseudo_labels_of_a_finished_round_are_made_again(
    finished_rounds, straight, tmp_path
):
    folder = shutil.copytree(finished_rounds.folder, tmp_path / "run")
    (folder / "pseudo_labels" / "round_1.npz").unlink()
    assert tiny.session(folder, *FLAGS).code == 0
    assert facts(folder, *FLAGS) == straight


def test_a_run_in_rounds_keeps_its_length(tmp_path):
    flags = (
        *("--algorithm=dmt", "--augment=none", "--rounds=1", "--base_batch=8"),
        *("--unlabeled_ratio=2", "--select_on=last"),
    )
    done = tiny.session(tmp_path, *flags, "--steps=6")
    assert done.code == 0, done.err
    again = tiny.session(tmp_path, *flags, "--steps=8")
    assert (again.code, again.steps) == (2, ())
    assert "A run that has begun keeps its lengths" in again.err
    again = tiny.session(tmp_path, *flags, "--steps=6")
    assert (again.code, again.steps) == (0, ())
