"""SIGTERM and Ctrl-C: stop where nothing is lost."""

from __future__ import annotations

import signal
from typing import Any, Dict, Optional


class Interrupted(Exception):
    """The process was asked to stop.

    Attributes:
        exit_code: 143 after SIGTERM and 130 after SIGINT, as shells expect.
    """

    def __init__(self, number: int, message: str = "stopped"):
        """Remembers the signal."""
        super().__init__(message)
        self.number = number
        self.exit_code = 128 + number


class Interrupts:
    """Turns the first signal into a request and a second one into an exception.

    Outside `deferred` work (training), every file is written atomically, so a signal
    raises `Interrupted` at once. While `deferred` is set the loop asks `requested`
    after each call of the compiled function and saves before it stops.
    """

    def __init__(self) -> None:
        """Nothing is installed before the context is entered."""
        self.requested: Optional[int] = None
        self.deferred = False
        self._previous: Dict[int, Any] = {}

    def __enter__(self) -> "Interrupts":
        """Installs the handlers, in the main thread: others get no signals."""
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                self._previous[number] = signal.signal(number, self._handle)
            except ValueError:  # not the main thread
                pass
        return self

    def __exit__(self, *_: Any) -> None:
        """Puts back what was there."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _: Any) -> None:
        again = self.requested is not None
        self.requested = number
        if again or not self.deferred:
            raise Interrupted(number)
