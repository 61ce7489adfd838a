"""Batches of a data service: put in order here, whole trainings with two workers."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import numpy as np
import pytest

from mixdmt_tf.cli import experiments
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.runs import data_service
from mixdmt_tf.runs.config import Config
from mixdmt_tf.runs.run_folder import RunFolder
from mixdmt_tf.runs.splits import find_split, open_split
from mixdmt_tf.tasks import open_task
from tests.tasks.classification import tiny

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(name="address", scope="module")
def fixture_address():
    """A dispatcher and two workers, in three processes."""
    command = [sys.executable, "bin/data_service", "--port=0", "--workers=2"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    yield line.strip().partition("=")[2]
    process.terminate()
    process.stdout.close()
    assert process.wait(60) == 128 + 15


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


def test_an_address_that_is_none():
    for text in ("localhost:5050", "grpc://a", "http://a:1"):
        with pytest.raises(UsageError, match="expected grpc://host:port"):
            Config(data_service=text)
    assert data_service.host_and_port("grpc://a.b:51") == ("a.b", 51)


def test_without_a_service_batches_are_made_here():
    pipeline = object()
    assert data_service.of_run(pipeline, "", pathlib.Path("x"), "") is pipeline


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


def test_and_not_waited_for_for_ever():
    def endless():
        number = 1
        while True:
            yield (np.int64(number), "x")
            number += 1

    with pytest.raises(UserError, match="has lost batch 0"):
        list(data_service.in_order(endless(), 0, 10**9))
