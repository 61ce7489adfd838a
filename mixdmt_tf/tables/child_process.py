"""Runs other commands and forwards signals to them."""

from __future__ import annotations

import ctypes
import os
import pathlib
import signal
import subprocess
import sys
import time
from typing import Any, Callable, Dict, Optional, Sequence

from mixdmt_tf import leases

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
POLL = 1.0  # seconds between looks at a run folder that is in use
_PR_SET_PDEATHSIG = 1


class Children:
    """Runs commands on this terminal and forwards SIGINT, SIGTERM and SIGHUP to them.

    Each command runs in its own session. Otherwise Ctrl-C would reach it twice, from
    the terminal and from this process, and a training run that gets a second signal
    stops without saving. On Linux a command whose parent was killed gets SIGTERM.

    Attributes:
        requested: the last signal received; None if there was none.
        stopped: whether the last command was stopped because of `unwanted`.
    """

    def __init__(self) -> None:
        """Installs no handler; entering the context does."""
        self.requested: Optional[int] = None
        self.stopped = False
        self._running: Optional["subprocess.Popen[bytes]"] = None
        self._previous: Dict[int, Any] = {}

    def __enter__(self) -> "Children":
        """Installs the signal handlers, if this is the main thread."""
        for number in SIGNALS:
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue  # started by nohup
            try:
                self._previous[number] = signal.signal(number, self._handle)
            except ValueError:  # not the main thread
                pass
        return self

    def __exit__(self, *_: Any) -> None:
        """Restores the previous handlers."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def run(
        self,
        command: Sequence[str],
        unwanted: Optional[Callable[[], bool]] = None,
        every: float = 0.0,
    ) -> int:
        """Runs a command and waits for its end.

        Args:
            command: program and arguments.
            unwanted: called periodically; once it returns True, the command is sent
                SIGTERM, upon which training saves and ends.
            every: seconds between two calls of `unwanted`.

        Returns:
            The exit code; 128 + the signal's number if a signal ended the command.
        """
        self.stopped = False
        self._running = subprocess.Popen(
            list(command), start_new_session=True, preexec_fn=_ending_with(os.getpid())
        )
        try:
            if self.requested is not None:  # received while the process was starting
                self._forward(self.requested)
            while unwanted is not None and not self.stopped:
                try:
                    self._running.wait(every)
                    break
                except subprocess.TimeoutExpired:
                    if self.requested is None and unwanted():
                        self.stopped = True
                        self._forward(signal.SIGTERM)
            code = self._running.wait()
        finally:
            self._running = None
        return code if code >= 0 else 128 - code

    def wait_for(self, folder: pathlib.Path) -> None:
        """Waits while another process trains in a run folder, or until a signal.

        That may be a run of a command like this one, which was killed: it saves and
        ends.
        """
        owner = leases.owner_of(folder)
        if owner:
            print(f"{folder} is in use by {owner}: waiting for it", flush=True)
        while leases.owner_of(folder) and self.requested is None:
            time.sleep(POLL)

    def _handle(self, number: int, _: Any) -> None:
        self.requested = number
        self._forward(number)

    def _forward(self, number: int) -> None:
        # Training handles SIGTERM and SIGINT; a lost terminal should stop it as well.
        signum = signal.SIGTERM if number == signal.SIGHUP else signal.Signals(number)
        if self._running is not None:
            self._running.send_signal(signum)


def _ending_with(parent: int) -> Optional[Callable[[], None]]:
    """Returns what a new process calls to get SIGTERM when its parent dies."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl

    def call() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # not this class's handler
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before
            os.kill(os.getpid(), signal.SIGTERM)

    return call
