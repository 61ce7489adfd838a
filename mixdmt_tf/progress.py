"""One line that says how far the work is and when it will be done."""

from __future__ import annotations

import sys
import time
from typing import Optional, TextIO

CLEAR = "\r\033[K"  # to the beginning of the terminal's line, and empty it


def duration(seconds: float) -> str:
    """A span of time as people say it: '42 s', '3 min', '2 h 05 min'."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return (
        f"{minutes} min"
        if minutes < 100
        else f"{minutes // 60} h {minutes % 60:02d} min"
    )


class Progress:
    """A line that rewrites itself on a terminal, and a line a minute elsewhere."""

    def __init__(self, title: str, unit: str, stream: Optional[TextIO] = None):
        """Starts the clock.

        Args:
            title: what is being done.
            unit: what is counted, for the speed: 'steps', 'images'.
            stream: where to write, standard output by default.
        """
        self.title = title
        self.unit = unit
        self.stream = stream or sys.stdout
        self.terminal = self.stream.isatty()
        self.interval = 0.2 if self.terminal else 60.0
        self.started = time.monotonic()
        self.shown = 0.0 if self.terminal else self.started
        self.first: Optional[int] = None
        self.open = False

    def update(self, done: int, total: int, note: str = "") -> None:
        """Shows `done` of `total`; called as often as one likes."""
        now = time.monotonic()
        if self.first is None:
            # Speed and time left are measured from here: a resumed run did not do the
            # first steps in this process.
            self.first, self.started = done, now
        if now - self.shown < self.interval and done < total:
            return
        self.shown = now
        self._write(self.line(done, total, now - self.started, note))

    def line(self, done: int, total: int, seconds: float, note: str = "") -> str:
        """The text: how far, at what speed, how long still."""
        text = f"{self.title} {done:,}/{total:,}"
        advanced = done - (self.first or 0)
        if advanced > 0 and seconds > 0:
            speed = advanced / seconds
            text += f"  {speed:,.1f} {self.unit}/s"
            if done < total:
                text += f"  {duration((total - done) / speed)} left"
        return f"{text}  {note}" if note else text

    def say(self, text: str) -> None:
        """Prints a line that stays."""
        if self.open:
            self.stream.write(CLEAR)
            self.open = False
        print(text, file=self.stream, flush=True)

    def close(self) -> None:
        """Ends the line."""
        if self.open:
            self.stream.write("\n")
            self.stream.flush()
            self.open = False

    def _write(self, text: str) -> None:
        if self.terminal:
            self.stream.write(f"{CLEAR}{text}")
            self.open = True
        else:
            self.stream.write(f"{text}\n")
        self.stream.flush()
