"""Handles SIGTERM and Ctrl-C: stops training where nothing is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, Dict, Iterator, Optional

import numpy as np

if TYPE_CHECKING:  # imports TensorFlow
    from mixdmt_tf.runs.workers import Workers

PATIENCE = 2.0  # seconds before a message says that a signal waits for TensorFlow


@contextlib.contextmanager
def ctrl_c_ends() -> Iterator[None]:
    """Lets Ctrl-C end the process at once within the context.

    TensorFlow waits for other machines for up to an hour without letting Python run, so
    a Python handler would not be called.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Interrupted(BaseException):
    """Raised when the process was asked to stop.

    Like `KeyboardInterrupt`, it is not an `Exception`, since TensorFlow converts these
    to other exceptions while it traces a function.

    Attributes:
        exit_code: 143 after SIGTERM and 130 after SIGINT, as shells expect.
    """

    def __init__(self, number: int, message: str = "stopped"):
        """Stores the number of the signal."""
        super().__init__(message)
        self.number = number
        self.exit_code = 128 + number


class Interrupts:
    """Turns the first signal into a request and a second one into an exception.

    Outside `deferred` work (training), every file is written atomically, so a signal
    raises `Interrupted` at once. While `deferred` is set, the loop checks `requested`
    after each call of the compiled function and saves before it stops.

    Python handles signals between two of its own instructions. TensorFlow may run for a
    minute without any, for example when it compiles the first step. A thread then
    prints a message.
    """

    def __init__(self) -> None:
        """Creates the object; entering the context installs the handlers."""
        self.requested: Optional[int] = None
        self.deferred = False
        self._signalled = False  # this worker, whatever others were asked
        self._previous: Dict[int, Any] = {}
        self._answered = threading.Event()
        self._pipe: Optional[int] = None
        self._previous_wakeup = -1

    def __enter__(self) -> "Interrupts":
        """Installs the handlers if this is the main thread; others get no signals."""
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                self._previous[number] = signal.signal(number, self._handle)
            except ValueError:  # not the main thread
                return self
        reading, self._pipe = os.pipe()
        os.set_blocking(self._pipe, False)
        self._previous_wakeup = signal.set_wakeup_fd(
            self._pipe, warn_on_full_buffer=False
        )
        threading.Thread(target=self._watch, args=(reading,), daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        """Restores the previous handlers."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        if self._pipe is not None:
            signal.set_wakeup_fd(self._previous_wakeup, warn_on_full_buffer=False)
            os.close(self._pipe)  # ends the thread

    def agreed(self, workers: Workers) -> bool:
        """Whether any worker was asked to stop, in which case all of them stop.

        Args:
            workers: all workers; each of them has to call this at the same step.
        """
        if workers.number == 1:
            return self.requested is not None
        number = int(workers.gather(np.float32([self.requested or 0])).max())
        if number:  # a signal that arrived meanwhile waits for the next call
            self.requested = number
        return number > 0

    def _handle(self, number: int, _: Any) -> None:
        self._answered.set()
        again, self._signalled = self._signalled, True
        self.requested = number
        if again or not self.deferred:
            raise Interrupted(number)

    def _watch(self, reading: int) -> None:
        """Reads the bytes that Python writes when a signal arrives.

        Python writes them before any handler runs.
        """
        while os.read(reading, 1):
            if not self._answered.wait(PATIENCE):
                print(
                    "stopping when TensorFlow has finished the current computation; "
                    "the first one of a run is compiled, which can take a minute",
                    file=sys.stderr,
                    flush=True,
                )
        os.close(reading)
