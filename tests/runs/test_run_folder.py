"""Who may write to a run folder, and under which settings."""

from __future__ import annotations

import os
import pathlib
import socket
import subprocess
import sys

import pytest

from mixdmt_tf.errors import UserError
from mixdmt_tf.runs.run_folder import (
    RunFolder,
    as_started,
    default_path,
    is_begun,
    read_results,
)
from tests.tasks.classification import tiny

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Opens a folder, says so, and waits to be killed. It imports no TensorFlow.
HOLDER = """
import pathlib, sys, time
from mixdmt_tf.data.classification.config import Config as Data
from mixdmt_tf.runs.config import Config as Run
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.run_folder import RunFolder
with RunFolder(pathlib.Path(sys.argv[1]), Experiment(Run(), Data(), Run(), Data())):
    print("open", flush=True)
    time.sleep(60)
"""


def contents(folder):
    """Names and bytes of all files below."""
    return {
        str(each.relative_to(folder)): each.read_bytes()
        for each in folder.rglob("*")
        if each.is_file()
    }


def started(folder, *more):
    """Settings of a run in `folder` that has got as far as its split."""
    experiment = tiny.experiment(folder, *more)
    RunFolder(folder, experiment).close()
    (folder / "split.json").write_text("{}")
    return experiment


def test_a_new_folder_gets_the_runs_flagfile(tmp_path):
    folder = tmp_path / "runs" / "new"
    experiment = tiny.experiment(folder)
    with RunFolder(folder, experiment) as opened:
        assert opened.path == folder
    assert (folder / "flags.txt").read_text() == experiment.flagfile()


def test_another_process_is_refused_and_a_killed_one_is_not_missed(tmp_path):
    folder = tmp_path / "run"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline() == "open\n"
        before = contents(folder)
        with pytest.raises(UserError) as refused:
            RunFolder(folder, tiny.experiment(folder))
        owner = f"process {holder.pid} on {socket.gethostname()} since 2"
        assert f"{folder} is in use by {owner}" in str(refused.value)
        assert contents(folder) == before
    finally:
        holder.kill()
        holder.communicate()
    assert str(holder.pid) in (folder / ".lock").read_text()  # a stale lock file
    with RunFolder(folder, tiny.experiment(folder)):
        assert f"process {os.getpid()} on" in (folder / ".lock").read_text()
        assert str(holder.pid) not in (folder / ".lock").read_text()


def test_the_lock_ends_with_the_block(tmp_path):
    experiment = tiny.experiment(tmp_path)
    with RunFolder(tmp_path, experiment), pytest.raises(UserError, match="in use by"):
        RunFolder(tmp_path, experiment)
    RunFolder(tmp_path, experiment).close()


def test_a_refused_run_keeps_no_lock(tmp_path):
    experiment = started(tmp_path)
    with pytest.raises(UserError) as refused:
        RunFolder(tmp_path, tiny.experiment(tmp_path, "--seed=2"))
    RunFolder(tmp_path, experiment).close()  # though the error still knows the folder
    assert "--seed: 1 -> 2" in str(refused.value)


@pytest.mark.parametrize(
    "name", ["photo.jpg", ".hidden", ".photo.jpg.7.tmp", "folder/results.json"]
)
def test_a_folder_with_something_else_is_refused_untouched(name, tmp_path):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("precious")
    with pytest.raises(UserError, match="not empty and holds no run") as refused:
        RunFolder(tmp_path, tiny.experiment(tmp_path))
    assert f"--workdir={tmp_path}" in str(refused.value)
    assert set(contents(tmp_path)) == {name, ".lock"}
    assert (tmp_path / name).read_text() == "precious"


@pytest.mark.parametrize("name", ["flags.txt", "digests.json", ".owner.json"])
def test_what_was_not_renamed_before_a_kill_is_no_hindrance(name, tmp_path):
    (tmp_path / f".{name}.7@elsewhere.tmp").write_text("{")
    RunFolder(tmp_path, tiny.experiment(tmp_path)).close()


def test_another_run_is_refused_untouched(tmp_path):
    started(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(UserError) as refused:
        RunFolder(tmp_path, tiny.experiment(tmp_path, "--labels=30", "--batch=16"))
    rows = str(refused.value).splitlines()[1:-1]
    assert rows == ["  --batch: 8 -> 16", "  --labels: 20 -> 30"]
    del before[".lock"]
    now = contents(tmp_path)
    del now[".lock"]
    assert now == before


def test_harmless_settings_are_let_through_and_recorded(tmp_path):
    started(tmp_path)
    longer = tiny.experiment(tmp_path, "--steps=99", "--log_every=1")
    RunFolder(tmp_path, longer).close()
    assert (tmp_path / "flags.txt").read_text() == longer.flagfile()


def test_fewer_steps_than_there_are_already_are_refused(tmp_path):
    """The records of a run would say that it had fewer."""
    started(tmp_path)
    (tmp_path / "checkpoints" / "step-00000012").mkdir(parents=True)
    before = contents(tmp_path)
    with pytest.raises(UserError, match="has 12 steps already; --steps=11 is fewer"):
        RunFolder(tmp_path, tiny.experiment(tmp_path, "--steps=11"))
    assert contents(tmp_path) == before
    RunFolder(tmp_path, tiny.experiment(tmp_path, "--steps=12")).close()


def test_a_command_that_failed_before_its_split_may_be_put_right(tmp_path):
    RunFolder(tmp_path, tiny.experiment(tmp_path, "--labels=3")).close()
    right = tiny.experiment(tmp_path, "--labels=20")
    RunFolder(tmp_path, right).close()
    assert (tmp_path / "flags.txt").read_text() == right.flagfile()


def test_lengths_that_were_found_for_minutes_are_kept(tmp_path):
    """Also by a command that gives the run's own flagfile, which has both."""
    lengths = {"base_steps": 30, "round_steps": 40}
    given = tiny.experiment(tmp_path, *tiny.ROUNDS).replace({"max_minutes": 5.0})
    found = given.replace(lengths)
    RunFolder(tmp_path, found).close()
    assert not is_begun(tmp_path, given)
    assert as_started(tmp_path, given) is given  # nothing was made with it yet
    (tmp_path / "split.json").touch()
    assert is_begun(tmp_path, given) and as_started(tmp_path, given) == found
    assert as_started(tmp_path, found.replace({"max_minutes": None})) == found


def test_what_was_measured_once_is_kept(tmp_path):
    """Another time it may come out otherwise."""
    given = tiny.experiment(tmp_path, "--precision=auto", "--steps_per_execution=auto")
    found = {"precision": "mixed_bfloat16", "steps_per_execution": 7}
    RunFolder(tmp_path, given.replace(found)).close()
    assert as_started(tmp_path, given) is given
    (tmp_path / "split.json").touch()
    assert as_started(tmp_path, given) == given.replace(found)
    other = given.replace({"precision": "float32", "steps_per_execution": 1})
    assert as_started(tmp_path, other) == other


@pytest.mark.parametrize("place", ["file/run", "file"])
def test_a_folder_that_cannot_be_written(place, tmp_path):
    (tmp_path / "file").write_text("")
    folder = tmp_path / place
    with pytest.raises(UserError) as refused:
        RunFolder(folder, tiny.experiment(folder))
    message = str(refused.value)
    assert message.startswith(f"--workdir={folder} cannot be written: ")
    assert len(message.splitlines()) == 2


def test_results_are_none_until_they_are_written(tmp_path):
    assert read_results(tmp_path) is None
    (tmp_path / "results.json").write_text('{"test_error": 4.5}')
    assert read_results(tmp_path) == {"test_error": 4.5}


@pytest.mark.parametrize(
    "more, name",
    [
        (("--seed=7", tiny.SUPERVISED), "supervised_digits_20_seed7"),
        (("--labels=none",), "realmix_digits_seed1"),
    ],
)
def test_the_default_folder_names_the_run(more, name):
    path = default_path(tiny.experiment("", *more))
    assert path == pathlib.Path("runs") / name
