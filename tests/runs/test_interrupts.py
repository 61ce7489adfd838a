"""Signals become requests or exceptions."""

from __future__ import annotations

import signal
import threading

import pytest

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
    with Interrupts() as interrupts:
        interrupts.deferred = True
        assert interrupts.requested is None
        tiny.TERMINATE()
        assert interrupts.requested == signal.SIGTERM


def test_a_second_signal_does_not_wait():
    with Interrupts() as interrupts:
        interrupts.deferred = True
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
        with Interrupts() as interrupts:
            seen.append(interrupts.requested)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [None]
