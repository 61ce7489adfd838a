"""`bin/launch`, on programs that take no time; trainings are in `test_together.py`."""

from __future__ import annotations

import errno
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest

from mixdmt_tf.cli import launch
from mixdmt_tf.runs import cluster
from tests.cli import commands

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = 60

SAYS = """
import os, sys
print(os.environ["TF_CONFIG"])
print("problem", file=sys.stderr)
"""
# The second worker fails at once, the first one ends on SIGTERM alone.
FAILS = """
import json, os, sys, time
if json.loads(os.environ["TF_CONFIG"])["task"]["index"]:
    sys.exit(7)
time.sleep(60)
"""
# Says which signal it gets, once it waits for one.
WAITS = """
import signal, sys, time
def stop(number, _):
    print("got", number, flush=True)
    sys.exit(128 + number)
signal.signal(signal.SIGINT, stop)
signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
time.sleep(60)
"""


def test_help():
    text = commands.helps_at_once("launch")
    assert "--workers=2" in text and "bin/launch --workers=2 -- bin/train_" in text


def test_what_is_refused(capsys):
    for argv in ([], ["--workers=2"], ["--workers=2", "--"]):
        said = commands.refusal(capsys, launch.main, *argv)
        assert "no command to start; expected it after --" in said
    said = commands.refusal(capsys, launch.main, "--", "bin/no_such_command")
    assert "bin/no_such_command cannot be started: No such file" in said
    commands.refusal(capsys, launch.main, "--workers=0", "--", "true")


def test_workers_know_each_other(capfd):
    assert launch.main(["--workers=3", "--", sys.executable, "-c", SAYS]) == 0
    said = capfd.readouterr()
    found = {}
    for line in said.out.splitlines():
        prefix, _, text = line.partition(" ")
        found[prefix] = cluster.read({"TF_CONFIG": text})
    assert {prefix: each.index for prefix, each in found.items()} == {
        "[0]": 0,
        "[1]": 1,
        "[2]": 2,
    }
    assert len({each.addresses for each in found.values()}) == 1
    assert len(found["[0]"].addresses) == 3
    problems = [f"[{index}] problem" for index in range(3)]
    assert sorted(said.err.splitlines()) == problems


def test_nobody_reads_what_they_say(monkeypatch):
    class Closed:
        def write(self, _):
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    complaints = []
    monkeypatch.setattr(threading, "excepthook", complaints.append)
    monkeypatch.setattr(sys, "stdout", Closed())
    with launch.Workers(["echo", "a line"], 1) as workers:
        assert workers.wait() == 0
    assert not complaints


def test_a_failed_worker_ends_the_others(capfd, monkeypatch):
    monkeypatch.setattr(launch, "PATIENCE", 0.3)
    start = time.monotonic()
    assert launch.main(["--", sys.executable, "-c", FAILS]) == 7
    assert time.monotonic() - start < 30
    err = capfd.readouterr().err
    assert "worker 1 has failed with exit code 7; the others end" in err


@pytest.mark.parametrize(
    "sent, got", [(signal.SIGINT, signal.SIGINT), (signal.SIGHUP, signal.SIGTERM)]
)
def test_a_signal_reaches_all_of_them(sent, got):
    """Also that of a terminal that is closed: they have sessions of their own."""
    process = subprocess.Popen(
        [sys.executable, "bin/launch", "--", sys.executable, "-c", WAITS],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        # Tests that are started by nohup have it ignored, and so would the command.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )
    ready = {process.stdout.readline() for _ in range(2)}
    assert ready == {"[0] ready\n", "[1] ready\n"}
    os.kill(process.pid, sent)
    out, _ = process.communicate(timeout=SECONDS)
    assert sorted(out.splitlines()) == [f"[{n}] got {got:d}" for n in range(2)]
    assert process.returncode == 128 + got
