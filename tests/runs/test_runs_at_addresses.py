"""Runs whose folder is at an address: lost machines and networks change no weight."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from mixdmt_tf import remote
from tests import stored
from tests.rounds import comparing
from tests.tasks.classification import tiny

FLAGS = (tiny.SUPERVISED, "--keep_checkpoints=1")


@pytest.fixture(name="machine")
def fixture_machine(monkeypatch, tmp_path):
    return stored.Machine(monkeypatch, tmp_path)


@pytest.fixture(name="whole", scope="module")
def fixture_whole(tmp_path_factory):
    """A run on a disk."""
    done = tiny.session(tmp_path_factory.mktemp("whole") / "run", *FLAGS)
    assert done.code == 0, done.err
    return done


def lost(place, patch, last):
    """Trains until the store has been asked so often; how often it was asked."""
    with stored.files(patch, last=last) as files:
        with stored.killed():
            done = tiny.session(place, *FLAGS)
            assert done.code == 0, done.err
    for mirror in remote._open.worked_in:
        stored.forget(mirror)
    return files.calls


@pytest.mark.long
def test_a_machine_is_lost_and_another_one_goes_on(machine, whole, monkeypatch):
    """Whatever the last request was; `test_mirrors.py` has every one. Empty disks."""
    for last in (90, 180):
        machine.another()
        place = stored.address()
        assert lost(place, monkeypatch, last) > last
        machine.another()
        done = tiny.session(place, *FLAGS)
        assert (done.code, done.digest) == (0, whole.digest), last
        assert 1 < done.steps[0] < 12, "neither anew nor at the end"


def test_a_run_is_the_same_wherever_it_is(machine, whole, monkeypatch):
    """And a network that fails now and then only makes it slower."""
    place = stored.address()
    with stored.files(monkeypatch, every=11):
        done = tiny.session(place, *FLAGS)
    assert (done.code, done.digest) == (0, whole.digest), done.err
    assert f"run folder: {place}\n" in done.out
    flags = stored.there(place)["flags.txt"].splitlines()
    assert f"--workdir={place}" in flags
    steps = {name.split("/")[1] for name in stored.there(place) if "step-" in name}
    assert steps == {"step-00000012"}, "and not those that were removed here"
    machine.another()
    done = tiny.session(place, *FLAGS)  # there is nothing left to do
    assert (done.code, done.digest, done.steps) == (0, whole.digest, ())


def test_a_store_that_is_gone_does_not_stop_the_training(machine, whole, monkeypatch):
    place = stored.address()

    def cut():
        (mirror,) = remote._open.worked_in
        mirror.store._files = stored.Files(every=1)

    done = tiny.session(place, *FLAGS, moments={("progress", 5): cut})
    assert (done.code, done.digest) == (1, whole.digest)
    assert "warning: not sent, to be tried again later" in done.out
    assert "could not be brought up to date" in done.err
    folder = done.err.split("Everything is in ")[1].split(":")[0]
    assert os.path.exists(f"{folder}/results.json")
    assert "results.json" not in stored.there(place)
    machine._patch.setattr("mixdmt_tf.leases._held", set())
    done = tiny.session(place, *FLAGS)
    assert (done.code, done.steps) == (0, ())
    assert "results.json" in stored.there(place)


def test_a_signal_stops_it_with_everything_sent(machine, whole):
    place = stored.address()
    done = tiny.session(place, *FLAGS, moments={("progress", 5): tiny.TERMINATE})
    assert done.code == 128 + signal.SIGTERM
    machine.another()
    done = tiny.session(place, *FLAGS)
    assert (done.code, done.digest) == (0, whole.digest)
    assert done.steps[0] == 6 and "was in use" not in done.out


@pytest.mark.long
def test_a_process_is_killed(machine, whole, tmp_path):
    """A real one, in the middle of a checkpoint; and then one with an empty disk."""
    place = f"file://{tmp_path}/store/run"
    command = [sys.executable, "-m", "tests.runs.killed", place, "write:9:KILL"]
    killed = subprocess.run([*command, *FLAGS], capture_output=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    machine.another()
    done = tiny.session(place, *FLAGS)
    assert (done.code, done.digest) == (0, whole.digest), done.err
    assert done.steps[0] == 9


@pytest.mark.long
def test_rounds_go_on_elsewhere(machine, finished_rounds, monkeypatch):
    flags = (*tiny.ROUNDS, "--compare_supervised", tiny.EXPORT)
    place = stored.address()
    done = tiny.session(place, *flags, moments={("progress", 5): tiny.TERMINATE})
    assert done.code == 128 + signal.SIGTERM
    machine.another()
    done = tiny.session(place, *flags)
    assert done.code == 0, done.err
    machine.another()
    there = comparing.facts(remote.run_folder(place), *flags)
    assert there == comparing.facts(finished_rounds.folder, *flags)
    assert stored.exists(f"{place}/export/saved_model.pb")
