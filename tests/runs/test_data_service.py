"""Batches of a data service: put in order here, whole trainings with two workers."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from mixdmt_tf.cli import data_service as command
from mixdmt_tf.cli import experiments
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.runs import data_service
from mixdmt_tf.runs.config import Config
from mixdmt_tf.runs.run_folder import RunFolder
from mixdmt_tf.runs.splits import find_split, open_split
from mixdmt_tf.tasks import open_task
from tests.tasks.classification import tiny

ROOT = pathlib.Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def serving(workers):
    """A dispatcher and workers, in processes of their own; and its address."""
    command = [sys.executable, "bin/data_service", "--port=0", f"--workers={workers}"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    try:
        yield process, line.strip().partition("=")[2]
    finally:
        process.terminate()
        process.stdout.close()
        process.wait(60)


@pytest.fixture(name="address", scope="module")
def fixture_address():
    """Of a dispatcher with two workers."""
    with serving(2) as (process, address):
        yield address
    assert process.returncode == 128 + 15


def compare(made, local, number):
    """So many batches, the same to the bit and in the same order."""
    made, local = list(made), list(local)
    assert len(made) == len(local) == number
    for one, other in zip(made, local):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_a_training_learns_from_the_same_batches(address, tmp_path):
    there = tmp_path / "there"
    trained = tiny.session(there, "--steps=4", f"--data_service={address}")
    assert trained.code == 0, trained.err

    # The very batches, of more steps than are in flight.
    task = open_task(tiny.experiment(there, "--steps=4"))
    split = find_split(task, there)
    pipeline = task.pipeline(split, None, 1)
    remote = data_service.of_run(pipeline, address, there, split.digest())
    compare(remote.dataset(2, 42), pipeline.dataset(2, 42), 40)

    other = data_service.of_run(pipeline, address, there, "another split")
    with pytest.raises(Exception, match="the data service finds another split"):
        list(other.dataset(0, 2))


def test_segmentation_too(address, tmp_path):
    """Whose images Python functions read, in the process of a worker."""
    argv = ("--dataset=digit_scenes", "--labels=8", "--batch=2", "--crop=17")
    argv += ("--network=small_segmenter", "--algorithm=mean_teacher", "--steps=9")
    parsed = experiments.parse([*argv, f"--workdir={tmp_path}"], "train", "")
    task = open_task(experiments.build(parsed))
    task = task.replace(task.resolve())
    RunFolder(tmp_path, task.experiment).close()
    split = open_split(task, tmp_path)
    pipeline = task.pipeline(split, None, 1)
    remote = data_service.of_run(pipeline, address, tmp_path, split.digest())
    compare(remote.dataset(3, 9), pipeline.dataset(3, 9), 6)


@pytest.mark.parametrize("host", ["127.0.0.1", "no..host"])
def test_nobody_at_the_address(host, tmp_path, capsys):
    flags = tiny.flags(tmp_path / "run", f"--data_service=grpc://{host}:1")
    assert tiny.train.main(flags) == 1
    assert "nobody answers" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_worker_waits_for_its_dispatcher_and_says_so(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"grpc://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setattr(data_service.time, "sleep", lambda _: taken.listen())
        said = []
        data_service.await_somebody(address, said.append)
        data_service.await_somebody(address, said.append)  # who answers now
    assert len(said) == 1 and f"waiting for {address}, where nobody" in said[0]

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(data_service.time, "sleep", interrupted)
    assert command.main([f"--dispatcher={address}"]) == 130


def test_an_address_that_is_none():
    for text in ("localhost:5050", "grpc://a", "http://a:1"):
        with pytest.raises(UsageError, match="expected grpc://host:port"):
            Config(data_service=text)
    assert data_service.host_and_port("grpc://a.b:51") == ("a.b", 51)


def test_without_a_service_batches_are_made_here():
    pipeline = object()
    assert data_service.of_run(pipeline, "", pathlib.Path("x"), "") is pipeline


# --- Who is gone ---


@pytest.mark.long
def test_a_training_ends_when_its_only_worker_dies(tmp_path, monkeypatch):
    """TensorFlow would wait for minutes."""
    monkeypatch.setattr(data_service, "SILENCE", 1.0)
    with serving(1) as (process, address):
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
        (worker,) = map(int, children.read_text().split())
        done = tiny.session(
            tmp_path / "run",
            *("--steps=1000", "--eval_every=1000", f"--data_service={address}"),
            moments={("progress", 2): lambda: os.kill(worker, signal.SIGKILL)},
        )
        assert process.wait(60) == 1
    assert done.code == 1 and len(done.steps) < 100
    assert "no batch has arrived for 1 seconds, and nobody answers at" in done.err
    assert f"the dispatcher {address}" in done.err
    assert "the worker localhost:" in done.err and "Traceback" not in done.err


def test_a_worker_that_is_gone_is_named_and_a_slow_one_waited_for(monkeypatch):
    monkeypatch.setattr(data_service, "SILENCE", 0.05)
    with socket.socket() as there, socket.socket() as taken:
        there.bind(("127.0.0.1", 0))
        there.listen()
        address = f"grpc://127.0.0.1:{there.getsockname()[1]}"
        taken.bind(("127.0.0.1", 0))  # nobody else gets the port, and nobody listens
        gone = f"127.0.0.1:{taken.getsockname()[1]}"

        def slow():
            yield (0, address[len("grpc://") :].encode(), "x")
            time.sleep(0.3)
            yield (1, gone.encode(), "y")
            time.sleep(60)

        elements = data_service.watched(slow(), address)
        assert [next(elements), next(elements)] == [(0, "x"), (1, "y")]
        with pytest.raises(UserError) as said:
            next(elements)
    assert f"nobody answers at the worker {gone}.\n" in str(said.value)


def test_what_a_service_says_is_passed_on():
    def failing():
        yield (0, b"a:1", "x")
        raise ValueError("such as another split")

    with pytest.raises(ValueError, match="such as another split"):
        list(data_service.watched(failing(), "grpc://a:1"))


# --- Order ---


def numbered(*numbers):
    return [(np.int64(number), f"batch {number}") for number in numbers]


def test_batches_are_put_in_order():
    elements = numbered(4, 3, 6, 5, 8, 7)
    found = list(data_service.in_order(elements, 3, 9))
    assert found == [(f"batch {number}",) for number in range(3, 9)]


def test_a_lost_batch_is_missed():
    with pytest.raises(UserError, match="has lost batch 1"):
        list(data_service.in_order(numbered(0, 2, 3), 0, 4))


def test_a_batch_that_comes_late_is_waited_for(monkeypatch):
    """Of a worker that has just joined, however many the others have made."""
    monkeypatch.setattr(data_service, "PAUSE", 0.0)
    early = [*range(1, 2 * data_service.MOST_WAITING), 0]
    found = list(data_service.in_order(numbered(*early), 0, len(early)))
    assert len(found) == len(early)


def test_and_not_waited_for_for_ever(monkeypatch):
    monkeypatch.setattr(data_service, "PAUSE", 0.01)
    monkeypatch.setattr(data_service, "PATIENCE", 0.1)

    def endless():
        number = 1
        while True:
            yield (np.int64(number), "x")
            number += 1

    with pytest.raises(UserError, match="has lost batch 0"):
        list(data_service.in_order(endless(), 0, 10**9))
