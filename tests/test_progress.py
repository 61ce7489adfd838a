"""The progress line, under a clock of our own."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import select
import struct
import termios

import pytest

from mixdmt_tf import progress
from mixdmt_tf.progress import Progress, duration


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that only moves when it is told to; a terminal that can do something."""
    monkeypatch.setenv("TERM", "xterm")

    class Clock:
        now = 1000.0

    monkeypatch.setattr(progress.time, "monotonic", lambda: Clock.now)
    return Clock


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0, "0 s"),
        (99.4, "99 s"),
        (100, "2 min"),
        (3600, "60 min"),
        (5990, "1 h 40 min"),
        (7500, "2 h 05 min"),
        (86400, "24 h 00 min"),
        (71.9 * 3600, "71 h 54 min"),
        (14 * 86400, "14 days"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_a_pipe_gets_a_line_a_minute(clock):
    stream = io.StringIO()
    line = Progress("realmix", "steps", stream)
    for step in range(1, 3601):  # an hour at one step per second
        line.update(step, 10_000)
        clock.now += 1
    lines = stream.getvalue().splitlines()
    assert 58 <= len(lines) <= 60
    assert "\r" not in stream.getvalue() and "\033" not in stream.getvalue()


def test_a_pipe_gets_the_last_line_at_once(clock):
    stream = io.StringIO()
    line = Progress("copies", "pictures", stream)
    line.update(1, 2)
    clock.now += 1
    line.update(2, 2, "done")
    assert stream.getvalue() == "copies 2/2  1.0 pictures/s  done\n"


def test_a_terminal_gets_one_line_that_is_rewritten(clock):
    stream = Terminal()
    line = Progress("realmix", "steps", stream)
    line.update(1, 100)
    for step in range(2, 12):
        clock.now += 0.1
        line.update(step, 100, "loss 1.5")
    line.close()
    line.close()
    text = stream.getvalue()
    # Five times a second at most, however often it is called.
    assert text.count("\r\033[K") == 6
    assert text.count("\n") == 1 and text.endswith("loss 1.5\n")


@pytest.mark.parametrize(
    "columns, shown",
    [
        (0, "realmix 9/10  1.0 steps/s  1 s left  loss 1.5  loss_u 0.5"),  # unknown
        (80, "realmix 9/10  1.0 steps/s  1 s left  loss 1.5  loss_u 0.5"),
        (57, "realmix 9/10  1.0 steps/s  1 s left  loss 1.5"),
        (20, "realmix 9/10"),
        (8, "realmix"),
    ],
)
def test_a_line_is_no_longer_than_a_row_of_the_terminal(columns, shown, clock):
    """Of two rows only the second would be emptied: the screen would fill up."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with open(theirs, "w", encoding="utf-8") as stream:
        line = Progress("realmix", "steps", stream)
        line.update(1, 10)
        clock.now += 8
        line.update(9, 10, "loss 1.5  loss_u 0.5")
        text = ""
        while text.count("\033[K") < 2 or not text.endswith(shown):
            assert select.select([ours], [], [], 10)[0], text
            text += os.read(ours, 1000).decode()
    os.close(ours)
    assert text.rpartition("\r\033[K")[2] == shown


def test_a_sentence_replaces_the_line_and_stays(clock):
    stream = Terminal()
    line = Progress("realmix", "steps", stream)
    line.update(1, 100)
    line.say("step 1: error 90 %")
    assert stream.getvalue().endswith("\r\033[Kstep 1: error 90 %\n")
    line.close()
    assert stream.getvalue().count("\n") == 1


def test_time_left_is_that_of_the_whole_run(clock):
    stream = io.StringIO()
    line = Progress("realmix", "steps", stream)
    line.update(0, 10_000)
    clock.now += 100
    line.update(1_000, 10_000, "loss 0.5")
    assert stream.getvalue() == (
        "realmix 1,000/10,000  10.0 steps/s  15 min left  loss 0.5\n"
    )


def test_steps_of_an_earlier_session_are_not_counted_into_the_speed(clock):
    stream = io.StringIO()
    line = Progress("realmix", "steps", stream)
    clock.now += 30  # compiling is no part of the speed either
    line.update(9_000, 10_000)
    clock.now += 100
    line.update(9_200, 10_000)
    assert stream.getvalue() == "realmix 9,200/10,000  2.0 steps/s  7 min left\n"


def test_no_speed_is_made_up_before_anything_was_done(clock):
    line = Progress("realmix", "steps", io.StringIO())
    line.update(7, 10)
    assert line.line(7, 10, 0.0) == "realmix 7/10"


def test_a_terminal_that_cannot_empty_a_line_is_written_to_like_a_pipe(
    clock, monkeypatch
):
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    line = Progress("realmix", "steps", stream)
    for step in range(1, 101):
        line.update(step, 100)
        clock.now += 1
    line.close()
    text = stream.getvalue()
    assert "\r" not in text and "\033" not in text and len(text.splitlines()) == 2


def test_a_notebook_gets_one_line_without_the_codes_of_terminals(clock):
    # What Jupyter replaces standard output by says that it is no terminal.
    kernel = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})
    stream = kernel()
    line = Progress("realmix", "steps", stream)
    for step in range(1, 21):
        line.update(step, 100, "a long note" if step < 10 else "")
        clock.now += 0.5
    line.say("step 20: error 90 %")
    text = stream.getvalue()
    assert "\033" not in text and text.count("\n") == 1
    shown = [each for each in text.split("\r") if each.strip()]
    assert len(shown) == 11  # one a second, and what was said
    blanks = [each for each in text.split("\r") if each and not each.strip()]
    assert [len(b) for b in blanks] == [len(line) for line in shown[:-1]]


def test_nothing_is_shown_of_work_that_is_soon_done(clock):
    stream = Terminal()
    for slow in (False, True):
        line = Progress("checking", "files", stream, after=2.0)
        line.update(0, 2)
        clock.now += 1 + slow
        line.update(2, 2)
        line.close()
        assert bool(stream.getvalue()) == slow


def test_no_colours(clock):
    stream = Terminal()
    line = Progress("realmix", "steps", stream)
    line.update(1, 2)
    line.say("done")
    assert not re.search(r"\033\[[0-9;]*m", stream.getvalue())


def test_time_left_counts_what_others_will_do(clock):
    line = Progress("realmix", "steps", io.StringIO())
    line.update(0, 100)
    line.later = 50.0
    assert line.line(50, 100, 50.0) == "realmix 50/100  1.0 steps/s  2 min left in all"
