"""Reading ahead and writing behind."""

from __future__ import annotations

import threading
import time

import pytest

from mixdmt_tf import threads
from mixdmt_tf.errors import UserError


def test_reading_ahead_keeps_the_order():
    def read(number):
        time.sleep(0.001 * (number % 3))
        return 10 * number

    assert list(threads.read_ahead(read, range(40))) == [(i, 10 * i) for i in range(40)]
    assert list(threads.read_ahead(read, [])) == []


def test_only_a_few_samples_wait_in_memory():
    begun, lock = [], threading.Lock()

    def read(number):
        with lock:
            begun.append(number)

    ahead = []
    for number, _ in threads.read_ahead(read, range(40)):
        time.sleep(0.002)
        ahead.append(max(begun) - number)
    assert 0 < max(ahead) <= threads.AHEAD and sorted(begun) == [*range(40)]


def test_an_error_comes_at_its_place_and_ends_the_reading():
    begun = []

    def read(number):
        begun.append(number)
        if number == 5:
            raise UserError("image 5")
        return number

    seen = []
    with pytest.raises(UserError, match="image 5"):
        for number, _ in threads.read_ahead(read, range(100)):
            seen.append(number)
    assert seen == [0, 1, 2, 3, 4]
    assert max(begun) <= 5 + threads.AHEAD


def test_what_is_written_behind_is_written_in_order_while_the_caller_goes_on():
    written, goes_on = [], threading.Event()

    def write(first, second):
        assert goes_on.wait(60)
        assert threading.current_thread() is not threading.main_thread()
        written.append((first, second))

    with threads.written_behind() as later:
        for number in range(threads.AHEAD):
            later(write, number, -number)
        assert written == []
        goes_on.set()
    assert written == [(number, -number) for number in range(threads.AHEAD)]


def test_writing_is_only_a_few_behind():
    given, behind = [], []

    def write():
        time.sleep(0.001)
        behind.append(len(given) - len(behind))

    with threads.written_behind() as later:
        for number in range(40):
            given.append(number)
            later(write)
    assert len(behind) == 40 and 1 < max(behind) <= threads.AHEAD + 1


@pytest.mark.parametrize("number", [1, threads.AHEAD, 3 * threads.AHEAD])
def test_an_error_of_writing_is_raised_and_ends_it(number):
    written = []

    def write(each):
        if each == 0:
            raise UserError("the disk is full")
        written.append(each)

    with pytest.raises(UserError, match="the disk is full"):
        with threads.written_behind() as later:
            for each in range(number):
                later(write, each)
    assert written == []


def test_what_was_given_is_written_when_the_caller_is_stopped():
    written = []

    def write(number):
        time.sleep(0.01)
        written.append(number)

    with pytest.raises(InterruptedError):
        with threads.written_behind() as later:
            for number in range(4):
                later(write, number)
            raise InterruptedError
    assert written == [0, 1, 2, 3]
