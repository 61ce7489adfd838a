"""When things happen in a run, on a stand-in that only counts its steps."""

from __future__ import annotations

import dataclasses
import gc
import sys

import keras
import pytest
import tensorflow as tf

from mixdmt_tf.errors import UserError
from mixdmt_tf.runs import training_loop
from mixdmt_tf.runs.training_loop import Hooks, Schedule, train


class Stub:
    """An algorithm whose losses are known beforehand, one per step."""

    def __init__(self, losses, breaks_weights_at=None):
        self.losses = tf.constant(losses, tf.float32)
        self.means = {
            "loss": keras.metrics.Mean("loss"),
            "idle": keras.metrics.Mean("idle"),
        }
        self.own_variables = [tf.Variable(float("inf")), tf.Variable(1)]
        self.weights = [tf.Variable([1.0, 1.0]), tf.Variable(1.0)]
        self.network, self.groups = self, {}
        self.teacher, self.has_peer, self.peer = None, False, None
        self.steps = tf.Variable(tf.zeros([0], tf.int64), shape=[None])
        self.breaks_weights_at = -1 if breaks_weights_at is None else breaks_weights_at

    def train_step(self, data):
        step = data["step"]
        self.means["loss"].update_state(tf.gather(self.losses, step))
        self.steps.assign(tf.concat([self.steps, [step]], 0))
        broken = tf.where(step + 1 == self.breaks_weights_at, float("inf"), 1.0)
        self.weights[0].assign([1.0, broken])


class Numbered:
    """Batches that hold nothing but their step."""

    def dataset(self, start, stop, replicas, own):
        assert replicas == len(own) == 1
        return tf.data.Dataset.range(start, stop).map(lambda step: {"step": step})


class Diary:
    """Hooks that write down what they are called with."""

    def __init__(self, stop_after=None):
        self.events = []
        self.logged = {}
        self.asked = 0
        self.stop_after = stop_after
        self.hooks = Hooks(
            self.log,
            lambda step: self.events.append(("evaluate", step)),
            lambda step: self.events.append(("save", step)),
            self.progress,
            self.should_stop,
        )

    def log(self, step, numbers):
        self.events.append(("log", step))
        self.logged[step] = numbers

    def progress(self, step, numbers):
        self.events.append(("progress", step))
        self.now = step

    def should_stop(self):
        return self.stop_after is not None and self.now >= self.stop_after

    def steps(self, event):
        return [step for name, step in self.events if name == event]


def run(schedule, start=0, evaluated=None, stop_after=None, stub=None, **hooks):
    """Runs the loop; returns the finished steps, the diary and the stub."""
    stub = stub or Stub(range(1, 101))
    diary = Diary(stop_after)
    hooks = dataclasses.replace(diary.hooks, **hooks)
    strategy = tf.distribute.get_strategy()
    arguments = (stub, Numbered(), strategy, schedule, hooks, start, evaluated)
    return train(*arguments), diary, stub


# --- Schedule ---


@pytest.mark.parametrize(
    "step, due", [(0, True), (4, True), (5, False), (8, True), (10, True), (11, True)]
)
def test_due_on_every_multiple_and_at_the_end(step, due):
    assert Schedule(10, 4, 3, 2).due(4, step) == due


@pytest.mark.parametrize(
    "step, expected", [(0, 3), (1, 3), (3, 5), (5, 6), (6, 9), (9, 10), (10, 12)]
)
def test_the_next_event_is_never_overrun(step, expected):
    schedule = Schedule(12, eval_every=5, checkpoint_every=3, log_every=100)
    long = Schedule(12, 5, 3, 100, steps_per_execution=50)
    assert long.next_event(step) == expected
    assert schedule.next_event(step) == step + 1


@pytest.mark.parametrize("step, expected", [(0, 4), (4, 8), (8, 10), (10, 12)])
def test_no_execution_is_longer_than_asked_for(step, expected):
    schedule = Schedule(12, 10, 100, 1000, steps_per_execution=4)
    assert schedule.next_event(step) == expected


@pytest.mark.parametrize(
    "seconds, most, expected",
    [(0.2, 50, 2), (0.011, 50, 45), (0.001, 50, 50), (3.0, 50, 1), (0.0, 7, 7)],
)
def test_steps_that_take_half_a_second(seconds, most, expected):
    assert training_loop.steps_at_once(seconds, most) == expected


# --- train ---


def test_executions_become_longer_when_steps_were_measured(monkeypatch):
    chosen = []
    monkeypatch.setattr(training_loop, "steps_at_once", lambda seconds, most: most)
    schedule = Schedule(16, 12, 16, log_every=4, steps_per_execution=None)
    done, diary, _ = run(schedule, chosen=chosen.append)
    steps = [step for event, step in diary.events if event == "progress"]
    assert done == 16 and steps == [1, 2, 3, 4, 8, 12, 16] and chosen == [4]
    assert [step for event, step in diary.events if event == "log"] == [4, 8, 12, 16]


def test_what_happens_when():
    done, diary, stub = run(Schedule(6, eval_every=4, checkpoint_every=3, log_every=2))
    assert done == 6
    assert diary.events == [
        ("progress", 1),
        ("log", 2),
        ("progress", 2),
        ("progress", 3),
        ("save", 3),
        ("log", 4),
        ("progress", 4),
        ("evaluate", 4),
        ("progress", 5),
        ("log", 6),
        ("progress", 6),
        ("save", 6),
        ("evaluate", 6),
    ]
    assert stub.steps.numpy().tolist() == [0, 1, 2, 3, 4, 5]


def test_no_thread_tunes_the_pipeline(monkeypatch):
    # The end of a training would wait for it, for up to a minute.
    strategy = tf.distribute.get_strategy()
    distribute = strategy.distribute_datasets_from_function
    tuned = []

    def noted(make):
        def made(context):
            batches = make(context)
            tuned.append(batches.options().autotune.enabled)
            return batches

        return distribute(made)

    monkeypatch.setattr(strategy, "distribute_datasets_from_function", noted)
    run(Schedule(2, eval_every=1, checkpoint_every=1, log_every=1))
    assert tuned == [False]


@pytest.mark.parametrize("steps_per_execution", [1, 2, 7, 100])
def test_longer_executions_change_only_how_often_progress_is_shown(steps_per_execution):
    _, one, _ = run(Schedule(20, 7, 5, 3))
    _, many, stub = run(Schedule(20, 7, 5, 3, steps_per_execution))
    assert stub.steps.numpy().tolist() == list(range(20))
    assert many.logged == one.logged

    def others(diary):
        return [event for event in diary.events if event[0] != "progress"]

    assert others(many) == others(one)


def test_logged_numbers_are_means_since_the_last_log():
    _, diary, _ = run(Schedule(6, 100, 100, log_every=4))
    assert diary.logged == {4: {"loss": 2.5}, 6: {"loss": 5.5}}


def test_a_resumed_loop_does_the_missing_steps_only():
    done, diary, stub = run(Schedule(9, 4, 3, 2), start=6)
    assert done == 9
    assert stub.steps.numpy().tolist() == [6, 7, 8]
    assert diary.steps("evaluate") == [8, 9]


@pytest.mark.parametrize(
    "start, evaluated, expected",
    [
        (4, None, [4, 8, 9]),
        (4, {4}, [8, 9]),
        (5, None, [8, 9]),
        (9, None, [9]),
        (9, {9}, []),
        (11, None, [11]),  # the run was longer than it is wanted now
        (0, None, [4, 8, 9]),
    ],
)
def test_an_evaluation_that_a_stop_prevented_is_made_up_for(start, evaluated, expected):
    done, diary, _ = run(Schedule(9, 4, 3, 2), start, evaluated)
    assert diary.steps("evaluate") == expected
    assert done == max(start, 9)


@pytest.mark.parametrize("stop_after", [1, 4, 5, 8])
def test_a_stop_saves_and_does_not_evaluate(stop_after):
    done, diary, stub = run(Schedule(8, 4, 3, 2), stop_after=stop_after)
    assert done == stop_after == len(stub.steps.numpy())
    assert diary.events[-1] == ("save", stop_after)
    assert diary.steps("save").count(stop_after) == 1
    assert stop_after not in diary.steps("evaluate")


def test_a_loss_that_is_not_finite_stops_at_its_step():
    losses = [1.0, 2.0, 3.0, float("nan"), 5.0, 6.0]
    with pytest.raises(UserError) as stopped:
        run(Schedule(6, 4, 2, 3), stub=Stub(losses))
    message = str(stopped.value)
    assert message.startswith("the loss is not finite at step 4: loss nan.\n")
    assert "idle" not in message
    assert stopped.value.exit_code == 1


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_nothing_is_saved_or_scored_once_the_loss_is_not_finite(value):
    stub = Stub([1.0, float(value), 1.0, 1.0])
    diary = Diary()
    schedule = Schedule(4, 2, 2, 2)
    with pytest.raises(UserError):
        train(stub, Numbered(), tf.distribute.get_strategy(), schedule, diary.hooks)
    assert diary.events == [("progress", 1)]
    assert stub.steps.numpy().tolist() == [0, 1]


@pytest.mark.parametrize(
    "steps_per_execution, start, where",
    [(7, 0, "steps 4-5"), (7, 4, "step 5"), (2, 0, "steps 4-5"), (1, 0, "step 5")],
)
def test_the_steps_of_the_execution_are_named(steps_per_execution, start, where):
    losses = [1.0] * 4 + [float("nan")] * 6
    schedule = Schedule(10, 5, 3, 100, steps_per_execution)
    with pytest.raises(UserError, match=f"not finite at {where}: "):
        run(schedule, start, stub=Stub(losses))


@pytest.mark.parametrize("event", ["save", "evaluate", "stop"])
def test_weights_that_are_not_finite_are_neither_saved_nor_scored(event):
    every = {"save": (100, 3), "evaluate": (3, 100), "stop": (100, 100)}[event]
    stub, diary = Stub(range(1, 11), breaks_weights_at=3), Diary(3)
    if event != "stop":
        diary.stop_after = None
    if event == "save":  # the second network of two counts as well
        stub.has_peer, stub.peer, stub.network = True, stub, Stub([])
    schedule = Schedule(10, *every, log_every=1)
    with pytest.raises(UserError, match="the weights are not finite at step 3: loss 3"):
        train(stub, Numbered(), tf.distribute.get_strategy(), schedule, diary.hooks)
    assert not diary.steps("save") and not diary.steps("evaluate")


def test_a_method_variable_that_is_not_a_number_is_not_saved():
    """The next loss would be none either, and then the last checkpoint is of no use."""
    stub, diary = Stub(range(1, 11)), Diary()
    stub.own_variables[0].assign(float("nan"))
    strategy = tf.distribute.get_strategy()
    with pytest.raises(UserError, match="a variable of the method is not finite at"):
        train(stub, Numbered(), strategy, Schedule(10, 100, 3, 1), diary.hooks)
    assert not diary.steps("save")


def test_memory_does_not_grow_with_the_numbers_of_a_step():
    """In Python 3.11 and 3.12 TensorFlow loses a block with every eager tensor."""
    steps, halves = 300, []

    class Counting(Diary):
        def progress(self, step, numbers):
            if step in (100, 200, 300):
                gc.collect()
                halves.append(sys.getallocatedblocks())

    stub, diary = Stub([1.0] * steps), Counting()
    stub.means.update({f"more_{n}": keras.metrics.Mean() for n in range(20)})
    schedule = Schedule(steps, 1000, 1000, log_every=1)
    train(stub, Numbered(), tf.distribute.get_strategy(), schedule, diary.hooks)
    assert (halves[2] - halves[1]) / 100 < len(stub.means)
