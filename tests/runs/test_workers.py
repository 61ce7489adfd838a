"""What workers tell each other, where there is one; two are in `test_together.py`."""

from __future__ import annotations

import types
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf

from mixdmt_tf.errors import UserError
from mixdmt_tf.runs import followers, training_loop
from mixdmt_tf.runs.workers import Workers, in_words
from mixdmt_tf.tasks import open_task
from tests.tasks.classification import tiny


def alone():
    return Workers(tf.distribute.get_strategy())


def test_who_is_alone_hears_himself():
    workers = alone()
    assert (workers.number, workers.index, workers.chief) == (1, 0, True)
    assert workers.hear("runs/x") == "runs/x"
    values = np.float32([0.1, 7])
    np.testing.assert_array_equal(workers.gather(values), [values])
    variable = tf.Variable(3)
    workers.share([variable])
    assert int(variable) == 3


class Pair(Workers):
    """One of two workers; what the other one says is known beforehand."""

    def __init__(self, index, other):
        super().__init__(tf.distribute.get_strategy())
        self.number, self.index, self.chief = 2, index, index == 0
        self.other = other

    def _sum(self, values):
        return values + self.other(values)


def test_the_chief_is_heard():
    said = []
    chief = Pair(0, lambda values: said.append(values) or np.zeros_like(values))
    assert chief.hear("runs/ä b") == "runs/ä b"
    follower = Pair(1, lambda values: said[0])
    assert follower.hear() == "runs/ä b"
    with pytest.raises(ValueError, match="5000 bytes are more than 4096"):
        chief.hear("x" * 5000)


def test_everybody_gets_what_everybody_gives():
    other = np.float32([[0, 0], [3, 4]])
    got = Pair(0, lambda values: other).gather(np.float32([1, 2]))
    np.testing.assert_array_equal(got, [[1, 2], [3, 4]])


def test_variables_of_any_kind_are_shared_to_the_bit():
    values = [np.float32([[-0.0, np.nan]]), np.int64(2**40), np.array([True, False])]
    values.append(np.float16([1e-7, 3, 5]))
    said = []
    theirs = [tf.Variable(value) for value in values]
    Pair(0, lambda v: said.append(v) or np.zeros_like(v)).share(theirs)
    ours = [tf.Variable(tf.zeros_like(value)) for value in values]
    Pair(1, lambda v: said[0]).share(ours)
    for one, other in zip(ours, theirs):
        assert one.numpy().tobytes() == other.numpy().tobytes()


def test_a_lost_worker_is_reported():
    lost = tf.errors.UnavailableError(None, None, "{{node x}} Socket closed\nmore")
    with pytest.raises(UserError) as said:
        with in_words(types.SimpleNamespace(number=2)):
            raise lost
    assert str(said.value).startswith(
        "another worker has stopped or cannot be reached: Socket closed\n"
    )
    with pytest.raises(tf.errors.UnavailableError):
        with in_words(alone()):
            raise lost


def test_who_does_not_see_the_chiefs_checkpoint_stops(tmp_path):
    """Random weights would be trained with the chief's gradients, and nobody know."""
    task = open_task(tiny.experiment(tmp_path, tiny.SUPERVISED))
    task = task.replace(task.resolve())
    chief = mock.Mock(number=1, index=0, hear=lambda: "3 1")
    strategy = tf.distribute.get_strategy()
    with mock.patch.object(training_loop, "train") as trained:
        with pytest.raises(UserError, match="finds no intact checkpoint of step 3"):
            followers.follow(task, tmp_path, strategy, chief, mock.Mock())
    assert not trained.called
