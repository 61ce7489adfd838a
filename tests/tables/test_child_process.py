"""Commands that a command starts, and what becomes of them when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from mixdmt_tf import leases
from mixdmt_tf.tables import child_process

# Starts a process that notes SIGTERM in a file, as training saves, and waits for it.
PARENT = """
import sys
from mixdmt_tf.tables.child_process import Children
with Children() as children:
    children.run([sys.executable, "-c", sys.argv[1], *sys.argv[2:]])
"""
CHILD = """
import pathlib, signal, sys, time
begun, ended = map(pathlib.Path, sys.argv[1:])
def save(*_):
    ended.touch()
    sys.exit(143)
signal.signal(signal.SIGTERM, save)
begun.touch()
time.sleep(60)
"""


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prctl is Linux's")
def test_a_run_whose_parent_is_killed_saves_and_ends(tmp_path):
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    command = [sys.executable, "-c", PARENT, CHILD, str(begun), str(ended)]
    with subprocess.Popen(command) as parent:
        assert wait_for(begun.exists)
        os.kill(parent.pid, signal.SIGKILL)
    assert wait_for(ended.exists)


def test_a_run_folder_in_use_is_waited_for(tmp_path, monkeypatch, capsys):
    looks = []
    with (tmp_path / ".lock").open("a+") as lock:
        leases.lock(lock, "")

        def sleep(seconds):
            looks.append(seconds)
            if len(looks) == 3:
                lock.close()

        monkeypatch.setattr(child_process.time, "sleep", sleep)
        child_process.Children().wait_for(tmp_path)
    assert looks == 3 * [child_process.POLL]
    said = f"{tmp_path} is in use by process {os.getpid()} on "
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("made", [False, True])
def test_other_run_folders_are_not(made, tmp_path, capsys):
    folder = tmp_path / "run"
    if made:
        folder.mkdir()
        with (folder / ".lock").open("a+") as lock:
            leases.lock(lock, "")
    child_process.Children().wait_for(folder)
    assert capsys.readouterr().out == ""
    assert folder.exists() == made


def test_a_signal_ends_the_waiting(tmp_path, monkeypatch):
    children = child_process.Children()
    with (tmp_path / ".lock").open("a+") as lock, children:
        leases.lock(lock, "")
        sent = lambda _: os.kill(os.getpid(), signal.SIGINT)  # noqa: E731
        monkeypatch.setattr(child_process.time, "sleep", sent)
        children.wait_for(tmp_path)
    assert children.requested == signal.SIGINT


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prctl is Linux's")
def test_a_parent_that_died_before_the_run_began():
    """Its handler is still that of the parent then, which only notes the signal."""
    with child_process.Children():
        ending = child_process._ending_with(os.getpid() + 1)
        done = subprocess.run(["sleep", "20"], preexec_fn=ending, timeout=19)
    assert done.returncode == -signal.SIGTERM
