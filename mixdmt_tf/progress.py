"""A progress line: how far the work is, its speed, and the time left.

No colours are used, with or without NO_COLOR.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Optional, TextIO

PATIENCE = 2.0  # seconds that users wait without a message
CLEAR = "\r\033[K"  # moves to the beginning of the terminal's line and clears it


def duration(seconds: float) -> str:
    """Formats a duration: '42 s', '3 min', '2 h 05 min', '5 days'."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes >= 72 * 60:
        return f"{minutes / (24 * 60):,.0f} days"
    return (
        f"{minutes} min"
        if minutes < 100
        else f"{minutes // 60} h {minutes % 60:02d} min"
    )


class Progress:
    """A progress line that is rewritten in place, or else a new line every minute.

    Rewriting works on terminals that can clear a line (TERM is not 'dumb'), and in
    notebooks, which support the carriage return but not terminal codes.
    """

    def __init__(
        self,
        title: str,
        unit: str,
        stream: Optional[TextIO] = None,
        after: float = 0.0,
    ):
        """Starts the clock.

        Args:
            title: what is being done.
            unit: what is counted, for the speed: 'steps', 'images'.
            stream: where to write, standard output by default.
            after: seconds before the first line, so that short work shows none.
        """
        self.title = title
        self.unit = unit
        self.stream = stream or sys.stdout
        self.after = after
        self.notebook = type(self.stream).__module__.startswith("ipykernel.")
        dumb = os.environ.get("TERM") == "dumb"
        self.terminal = self.stream.isatty() and not dumb and not self.notebook
        rewritten = self.terminal or self.notebook
        self.interval = 0.2 if self.terminal else 1.0 if self.notebook else 60.0
        self.begun = self.started = time.monotonic()
        self.shown = 0.0 if rewritten else self.started
        self.width = 0  # of the current line
        self.later = 0.0  # units left after `total`, counted elsewhere
        self.first: Optional[int] = None
        self.open = False

    def update(self, done: int, total: int, note: str = "") -> None:
        """Shows `done` of `total`; may be called as often as you like."""
        now = time.monotonic()
        if self.first is None:
            # Speed and time left are measured from here: a resumed run did not do the
            # first steps in this process.
            self.first, self.started = done, now
        if now - self.shown < self.interval and done < total:
            return
        if now - self.begun < self.after:
            return
        self.shown = now
        self._write(self.line(done, total, now - self.started, note))

    def line(self, done: int, total: int, seconds: float, note: str = "") -> str:
        """Returns the text of the line: progress, speed, and time left."""
        text = f"{self.title} {done:,}/{total:,}"
        advanced = done - (self.first or 0)
        if advanced > 0 and seconds > 0:
            speed = advanced / seconds
            text += f"  {speed:,.1f} {self.unit}/s"
            if done < total:
                left = duration((total - done + self.later) / speed)
                text += f"  {left} left{' in all' if self.later else ''}"
        return f"{text}  {note}" if note else text

    def say(self, text: str) -> None:
        """Prints a line that stays."""
        if self.open:
            self.stream.write(self._clear())
            self.open = False
        print(text, file=self.stream, flush=True)

    def close(self) -> None:
        """Ends the line."""
        if self.open:
            self.stream.write("\n")
            self.stream.flush()
            self.open = False

    def _clear(self) -> str:
        return f"\r{' ' * self.width}\r" if self.notebook else CLEAR

    def _fitting(self, text: str) -> str:
        """Returns as many parts of the text as fit into a row of the terminal.

        If a text took two rows, `CLEAR` would clear only the second one.
        """
        try:
            columns = os.get_terminal_size(self.stream.fileno()).columns
        except (OSError, ValueError):  # it only claims to be a terminal
            return text
        parts = text.split("  ")
        while len(parts) > 1 and len("  ".join(parts)) >= columns:
            parts.pop()
        return "  ".join(parts)[: columns - 1] if columns else text

    def _write(self, text: str) -> None:
        if self.terminal or self.notebook:
            text = text if self.notebook else self._fitting(text)
            self.stream.write(f"{self._clear()}{text}")
            self.open, self.width = True, len(text)
        else:
            self.stream.write(f"{text}\n")
        self.stream.flush()
