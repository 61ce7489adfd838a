"""Signals become requests or exceptions."""

from __future__ import annotations

import hashlib
import signal
import threading
import time
from unittest import mock

import numpy as np
import pytest

from mixdmt_tf.algorithms.classification import supervised
from mixdmt_tf.runs import interrupts
from mixdmt_tf.runs.interrupts import Interrupted, Interrupts
from tests.tasks.classification import tiny


@pytest.mark.parametrize(
    "send, code", [(tiny.TERMINATE, 143), (tiny.INTERRUPT, 130)], ids=["TERM", "INT"]
)
def test_exit_codes_are_those_of_shells(send, code):
    with Interrupts(), pytest.raises(Interrupted) as stopped:
        send()
    assert stopped.value.exit_code == code


def test_deferred_signals_wait_until_they_are_asked_for():
    with Interrupts() as entered:
        entered.deferred = True
        assert entered.requested is None
        tiny.TERMINATE()
        assert entered.requested == signal.SIGTERM


def test_a_second_signal_does_not_wait():
    with Interrupts() as entered:
        entered.deferred = True
        tiny.TERMINATE()
        with pytest.raises(Interrupted) as stopped:
            tiny.INTERRUPT()
    assert stopped.value.exit_code == 130


def test_handlers_are_put_back():
    def handlers():
        return [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]

    before = handlers()
    with Interrupts():
        assert handlers() != before
    assert handlers() == before


def test_other_threads_get_no_signals_and_no_error():
    seen = []

    def enter():
        with Interrupts() as entered:
            seen.append(entered.requested)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [None]


def test_what_is_waited_for_is_said_while_nobody_can_answer(capfd, monkeypatch):
    """As when TensorFlow compiles: Python runs no handler before it returns."""
    monkeypatch.setattr(interrupts, "PATIENCE", 0.05)
    with pytest.raises(Interrupted), Interrupts():
        timer = threading.Timer(0.05, tiny.TERMINATE)
        timer.start()
        hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 1_500_000)
        timer.join()
    assert "stopping when TensorFlow has finished" in capfd.readouterr().err


def test_an_answered_signal_needs_no_words(capfd, monkeypatch):
    monkeypatch.setattr(interrupts, "PATIENCE", 0.2)
    with Interrupts() as one:
        one.deferred = True
        tiny.TERMINATE()
        time.sleep(0.4)
    assert capfd.readouterr().err == ""


def test_before_the_first_step_has_ended_a_signal_stops_at_once(tmp_path):
    """TensorFlow, which is tracing the step, makes no other error of it."""
    step_losses = supervised.Supervised.step_losses

    def struck(self, batch):
        tiny.TERMINATE()
        return step_losses(self, batch)

    with mock.patch.object(supervised.Supervised, "step_losses", struck):
        done = tiny.session(tmp_path, tiny.SUPERVISED)
    assert (done.code, done.steps, done.err) == (143, (), "stopped\n")
    assert not list((tmp_path / "checkpoints").glob("*"))
    again = tiny.session(tmp_path, tiny.SUPERVISED)
    assert again.code == 0 and again.steps[0] == 1


def test_a_signal_while_workers_are_asked_is_not_lost():
    """Asking them takes a while, and with slow machines most of the time."""

    class Two:
        number, asked = 2, 0

        def gather(self, values):
            self.asked += 1
            if self.asked == 1:
                tiny.TERMINATE()
            return np.stack([values, 0 * values])

    with Interrupts() as entered:
        entered.deferred, workers = True, Two()
        assert [entered.agreed(workers) for _ in range(3)] == [False, True, True]
        assert entered.requested == signal.SIGTERM


def test_the_first_signal_waits_although_another_worker_was_asked_before():
    """Schedulers signal one worker after the other; the checkpoint is still written."""

    class Other:
        number = 2

        def gather(self, values):
            return np.stack([values, np.float32([signal.SIGTERM])])

    with Interrupts() as entered:
        entered.deferred = True
        assert entered.agreed(Other())
        tiny.TERMINATE()  # while the checkpoint is written
        with pytest.raises(Interrupted):
            tiny.TERMINATE()
            time.sleep(0.1)  # until the handler has run
