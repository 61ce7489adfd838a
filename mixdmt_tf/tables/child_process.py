"""Other commands, run one after the other, that get the signals meant for us."""

from __future__ import annotations

import signal
import subprocess
from typing import Any, Dict, Optional, Sequence

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Children:
    """Runs commands on our terminal; passes SIGINT, SIGTERM and SIGHUP on to them.

    A command runs in a session of its own. Otherwise Ctrl-C would reach it twice, from
    the terminal and from us, and a training run takes the second one for impatience: it
    stops without saving.

    Attributes:
        requested: the signal that we got, None if none.
    """

    def __init__(self) -> None:
        """Nothing is installed before the context is entered."""
        self.requested: Optional[int] = None
        self._running: Optional["subprocess.Popen[bytes]"] = None
        self._previous: Dict[int, Any] = {}

    def __enter__(self) -> "Children":
        """Installs the handlers, in the main thread: others get no signals."""
        for number in SIGNALS:
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue  # as nohup has it
            try:
                self._previous[number] = signal.signal(number, self._handle)
            except ValueError:  # not the main thread
                pass
        return self

    def __exit__(self, *_: Any) -> None:
        """Puts back what was there."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def run(self, command: Sequence[str]) -> int:
        """Runs a command to its end.

        Returns:
            Its exit code; 128 + the signal's number if a signal ended it.
        """
        self._running = subprocess.Popen(list(command), start_new_session=True)
        try:
            if self.requested is not None:  # it came while the process was started
                self._forward(self.requested)
            code = self._running.wait()
        finally:
            self._running = None
        return code if code >= 0 else 128 - code

    def _handle(self, number: int, _: Any) -> None:
        self.requested = number
        self._forward(number)

    def _forward(self, number: int) -> None:
        # A run knows SIGTERM and SIGINT as wishes to stop; a lost terminal is one too.
        wish = signal.SIGTERM if number == signal.SIGHUP else signal.Signals(number)
        if self._running is not None:
            self._running.send_signal(wish)
