"""`bin/launch`: starts the workers of one training on this machine, to try it.

Each worker gets a `TF_CONFIG` that lists all of them. On several machines, a scheduler
does the same (docs/devices.md).
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import (
    Any,
    Dict,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    TextIO,
    Tuple,
)

from mixdmt_tf.cli import flags
from mixdmt_tf.cli.main import run
from mixdmt_tf.errors import UsageError
from mixdmt_tf.runs import cluster
from mixdmt_tf.settings import setting

POLL = 0.1  # seconds between two checks of the workers
PATIENCE = 20.0  # seconds for workers to end by themselves, and again after SIGTERM


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of the command; the training command follows after --."""

    workers: int = setting(2, "processes that train together", low=1, high=256)


def main(argv: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    return run(_launch, argv)


def command() -> None:
    """The installed command `mixdmt-launch`."""
    sys.exit(main(sys.argv[1:]))


def _launch(argv: Sequence[str]) -> int:
    place = list(argv).index("--") if "--" in argv else len(argv)
    parsed = flags.parse(
        argv[:place],
        "launch",
        "Starts several workers of one training on this machine, on free ports:\n"
        "bin/launch --workers=2 -- bin/train_realmix ...\n"
        "Every line that they print begins with their number. Ctrl-C stops all of\n"
        "them; if one fails, the others end, and so does this command, with its code.",
        lambda _: [flags.group("command", "mixdmt_tf.cli.launch")],
    )
    values: Mapping[str, Any] = parsed.values["command"]
    config, training = Config(**values), list(argv[place + 1 :])
    if not training:
        raise UsageError(
            "no command to start; expected it after --:\n"
            "bin/launch --workers=2 -- bin/train_realmix ..."
        )
    with Workers(training, config.workers) as workers:
        return workers.wait()


class Workers:
    """Processes that run one command together.

    Attributes:
        processes: the processes, the chief's first.
    """

    def __init__(self, training: List[str], number: int):
        """Starts the processes.

        Args:
            training: the command, as a list of words.
            number: number of processes.

        Raises:
            UsageError: if there is no such command.
        """
        self._lock = threading.Lock()
        self._signal: Optional[int] = None
        self._previous: Dict[int, Any] = {}
        self.processes: List[subprocess.Popen[str]] = []
        self._readers: List[threading.Thread] = []
        with contextlib.ExitStack() as stack:
            addresses = tuple(
                f"127.0.0.1:{stack.enter_context(_free_port())}" for _ in range(number)
            )
        for index in range(number):
            environment = {cluster.NAME: cluster.text(addresses, index)}
            try:
                process = subprocess.Popen(
                    training,
                    env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    errors="replace",
                    start_new_session=True,  # Ctrl-C is forwarded, so arrives once
                )
            except OSError as error:
                raise UsageError(
                    f"{training[0]} cannot be started: {error.strerror}"
                ) from error
            self.processes.append(process)
            streams = (process.stdout, sys.stdout), (process.stderr, sys.stderr)
            for source, target in streams:
                reader = threading.Thread(
                    target=self._copy, args=(f"[{index}] ", source, target), daemon=True
                )
                reader.start()
                self._readers.append(reader)

    def __enter__(self) -> Workers:
        """Starts forwarding SIGINT, SIGTERM and SIGHUP to the workers."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue  # started by nohup
            with contextlib.suppress(ValueError):  # not the main thread
                self._previous[number] = signal.signal(number, self._hand_on)
        return self

    def __exit__(self, *_: Any) -> None:
        """Kills remaining processes and restores the signal handlers."""
        self._send(signal.SIGKILL)
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def wait(self) -> int:
        """Waits until all workers have ended; if one fails, stops the others.

        Returns:
            The exit code of the first worker that failed; 0 if none did.
        """
        failed: Optional[Tuple[int, int]] = None
        deadline, force = 0.0, signal.SIGTERM
        while any(process.poll() is None for process in self.processes):
            time.sleep(POLL)
            failed = failed or self._failed()
            if failed is None or self._signal is not None:
                continue
            if not deadline:
                deadline = time.monotonic() + PATIENCE
                self._say(f"worker {failed[0]} {_ended(failed[1])}; the others end")
            elif time.monotonic() > deadline:
                self._send(force)
                deadline, force = time.monotonic() + PATIENCE, signal.SIGKILL
        for reader in self._readers:
            reader.join(PATIENCE)
        failed = failed or self._failed()
        if failed is None:
            return 0
        return failed[1] if failed[1] > 0 else 128 - failed[1]

    def _failed(self) -> Optional[Tuple[int, int]]:
        """Returns index and exit code of a worker that has failed, if any."""
        codes = enumerate(process.poll() for process in self.processes)
        return next(((index, code) for index, code in codes if code), None)

    def _hand_on(self, number: int, _: Any) -> None:
        self._signal = number
        # Training saves and ends on SIGTERM, but has no handler for SIGHUP.
        self._send(signal.SIGTERM if number == signal.SIGHUP else number)

    def _send(self, number: int) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(number)

    def _copy(self, prefix: str, source: Any, target: TextIO) -> None:
        # Closing the pipe tells a worker that the output is closed (`... | head`).
        with contextlib.suppress(BrokenPipeError), source:
            for line in source:
                with self._lock:
                    print(f"{prefix}{line.rstrip()}", file=target, flush=True)

    def _say(self, sentence: str) -> None:
        with self._lock:
            print(sentence, file=sys.stderr, flush=True)


@contextlib.contextmanager
def _free_port() -> Iterator[int]:
    """Finds a free port on loopback and reserves it until the end of the context."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def _ended(code: int) -> str:
    if code > 0:
        return f"has failed with exit code {code}"
    return f"was ended by {signal.Signals(-code).name}"
