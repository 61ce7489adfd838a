"""Who trains in a run folder: another machine's owner is seen, and seen to have ended.

A second thread plays the other machine; locks of the kernel are left out.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
import threading
import time

import pytest

from mixdmt_tf import files
from mixdmt_tf.errors import UserError
from mixdmt_tf.runs import owners
from mixdmt_tf.runs.run_folder import RunFolder
from tests.tasks.classification import tiny

OTHER = {"owner": "process 7 on elsewhere", "token": "1", "machine": "x", "process": 7}


@pytest.fixture(autouse=True)
def fixture_in_no_time(monkeypatch):
    monkeypatch.setattr(owners, "BEAT", 0.02)
    monkeypatch.setattr(owners, "WATCH", 0.3)


def write(folder, **fields):
    """Writes the record of somebody else."""
    record = json.dumps({**OTHER, "beat": 0, **fields})
    files.write_atomically(folder / owners.NAME, record)


def record(folder):
    return json.loads((folder / owners.NAME).read_text())


def test_an_owner_shows_that_it_is_alive_and_leaves_nothing(tmp_path):
    owner = owners.Owner(tmp_path)
    owner.take(alone_here=True)
    assert record(tmp_path)["process"] == os.getpid()
    deadline = time.monotonic() + 10
    while record(tmp_path)["beat"] < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    owners.require(tmp_path / "round_1")
    owner.release()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("hours", [-7, 0, 7])  # no clock is asked
def test_a_living_owner_of_another_machine_is_named(hours, tmp_path, monkeypatch):
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3600 * hours)
    write(tmp_path)
    threading.Timer(0.1, write, [tmp_path], {"beat": 1}).start()
    said = []
    with pytest.raises(UserError) as refused:
        owners.Owner(tmp_path).take(True, said.append)
    assert f"{tmp_path} is in use by process 7 on elsewhere." in str(refused.value)
    assert "was in use by process 7 on elsewhere: waiting up to" in said[0]
    assert record(tmp_path)["token"] == "1"


def test_one_that_has_ended_is_replaced_after_a_while(tmp_path):
    write(tmp_path)
    began, owner = time.monotonic(), owners.Owner(tmp_path)
    owner.take(True, lambda _: None)
    assert time.monotonic() - began >= owners.WATCH
    assert record(tmp_path)["process"] == os.getpid()
    owner.release()


def test_nobody_waits_for_a_killed_process_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(owners, "WATCH", 60.0)
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    here = owners.machine()
    container = f"{here.split()[0]} pid:[7]"
    parent = os.getppid()
    for machine, process, locked in (
        (here, child.pid, False),
        (here, parent, True),
        (container, parent, True),
    ):
        write(tmp_path, machine=machine, process=process)
        owner = owners.Owner(tmp_path)
        owner.take(locked)  # under a lock its number is that of another process now
        owner.release()


def test_who_was_replaced_stops_and_leaves_the_record(tmp_path):
    """Two began before either saw the other."""
    owner = owners.Owner(tmp_path)
    owner.take(True)
    write(tmp_path)
    time.sleep(5 * owners.BEAT)
    with pytest.raises(UserError, match="now in use by process 7 on elsewhere"):
        owners.require(tmp_path / "round_1")
    owner.release()
    assert record(tmp_path)["token"] == "1"
    owners.require(tmp_path)  # of others' folders nothing is asked


def test_half_of_a_record_is_nobodys(tmp_path):
    (tmp_path / owners.NAME).write_text('{"owner": "proc')
    owner = owners.Owner(tmp_path)
    owner.take(True)
    owner.release()


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_keeps_nobody_out(code, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", fail)
    experiment = tiny.experiment(tmp_path)
    with RunFolder(tmp_path, experiment):
        with pytest.raises(UserError, match=f"in use by process {os.getpid()} on"):
            RunFolder(tmp_path, experiment)
    RunFolder(tmp_path, experiment).close()


def test_a_lock_is_of_one_process_and_other_errors_are_errors(tmp_path, monkeypatch):
    with (tmp_path / "a").open("a") as one, (tmp_path / "a").open("a") as other:
        assert files.lock(one) is True
        assert files.lock(other) is False
        one.close()
        assert files.lock(other, wait=True) is True

        def fail(*_):
            raise OSError(errno.EIO, "disk")

        monkeypatch.setattr(fcntl, "flock", fail)
        with pytest.raises(OSError, match="disk"):
            files.lock(other)
