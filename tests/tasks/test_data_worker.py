"""Runs that a worker of a data service keeps open."""

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.tasks import data_worker


@pytest.fixture
def worker(monkeypatch):
    """A worker whose batches say how many runs had been opened before theirs."""
    opened = []

    def open_run(self, folder, state, replicas):
        number = len(opened)
        opened.append(folder)
        return lambda step, replica: {"x": tf.constant(number)}

    monkeypatch.setattr(data_worker.Batches, "_open", open_run)
    return data_worker.Batches(lambda folder: None), opened


def ask(worker, folder):
    return int(worker(np.array([str(folder).encode(), b"state"]), 0, 0, 1)[1])


def test_a_run_is_opened_once_and_another_one_in_its_folder_again(worker, tmp_path):
    """Deleted and trained anew it may have other settings, and the same split."""
    batches, opened = worker
    flags = tmp_path / "flags.txt"
    flags.write_text("--batch=8\n")
    assert [ask(batches, tmp_path) for _ in range(3)] == [0, 0, 0]
    flags.unlink()
    flags.write_text("--batch=16\n")
    assert [ask(batches, tmp_path) for _ in range(2)] == [1, 1]
    assert opened == [str(tmp_path)] * 2


def test_several_runs_stay_open(worker, tmp_path):
    batches, opened = worker
    folders = [tmp_path / str(n) for n in range(data_worker.RUNS)]
    for _ in range(2):
        assert [ask(batches, each) for each in folders] == [*range(data_worker.RUNS)]
    ask(batches, tmp_path / "more")
    assert len(batches._makers) == data_worker.RUNS
    ask(batches, folders[-1])
    assert len(opened) == data_worker.RUNS + 1
