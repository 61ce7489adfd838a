"""What a training command is doing at each moment, and its end at a chosen one.

`Watch.enter` changes the child that is to run the command: what it does in each phase
is noted in a file, before and after. An `Aim` ends the process within a phase, by a
timer of the system whose signal nobody handles: like SIGKILL, at any machine
instruction, within calls of TensorFlow too.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import pathlib
import signal
import time
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

# What is called in each phase. Phases may be within others: the innermost counts.
CALLS: Dict[str, Tuple[str, ...]] = {
    "training": ("runs.training_loop.train",),
    "evaluation": ("runs.session.Session._evaluate",),
    "checkpoint": ("runs.checkpoints.Checkpoints._write",),
    "making copies": ("data.shard_files.ShardFiles.complete",),
    "labelling": (
        "tasks.classification.rounds.Rounds.label",
        "tasks.segmentation.rounds.Rounds.label",
    ),
    "between rounds": ("rounds.loop.Loop._record", "rounds.loop.Loop._finish"),
    "export": ("runs.export.export",),
    "report": ("tasks.reporting.after_training",),
}
OUTSIDE = "beginning"  # data, networks, and what else is in none of them


class Aim(NamedTuple):
    """When a process ends: in the phase's n-th call, so many seconds after it began.

    If the call ends earlier, the process ends with it.
    """

    phase: str
    number: int
    seconds: float


class Event(NamedTuple):
    """A phase that began or ended, seconds after the command did."""

    seconds: float
    began: bool
    phase: str


class Watch(NamedTuple):
    """Notes phases in a file, and ends the process at one."""

    file: pathlib.Path
    aim: Optional[Aim] = None

    def enter(self) -> None:
        """Has this process, which has called nothing yet, watched."""
        counts = dict.fromkeys(CALLS, 0)
        output = os.open(self.file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        started = time.monotonic()

        def note(began: bool, phase: str) -> None:
            line = f"{time.monotonic() - started:.6f} {int(began)} {phase}\n"
            os.write(output, line.encode())

        @contextlib.contextmanager
        def within(phase: str) -> Iterator[None]:
            note(True, phase)
            counts[phase] += 1
            hit = self.aim is not None and self.aim[:2] == (phase, counts[phase])
            if hit and self.aim is not None:
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.setitimer(signal.ITIMER_REAL, max(self.aim.seconds, 1e-6))
            yield
            if hit:
                os.kill(os.getpid(), signal.SIGKILL)
            note(False, phase)

        for phase, calls in CALLS.items():
            for call in calls:
                wrap(call, functools.partial(within, phase))


def wrap(call: str, within: Any) -> None:
    """Has a function or method of the package called within a context.

    Args:
        call: module within the package, class if it has one, and name.
        within: makes the context.
    """
    owner, name = _owner(call)
    function = getattr(owner, name)

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with within():
            return function(*args, **kwargs)

    setattr(owner, name, wrapped)


def _owner(call: str) -> Tuple[Any, str]:
    """The module or class that has a function, and the function's name there."""
    place, name = call.rsplit(".", 1)
    if place.rpartition(".")[2][0].isupper():
        module, kind = place.rsplit(".", 1)
        return getattr(importlib.import_module(f"mixdmt_tf.{module}"), kind), name
    return importlib.import_module(f"mixdmt_tf.{place}"), name


def read(file: pathlib.Path) -> List[Event]:
    """What a process noted until it ended."""
    lines = (line.split(" ", 2) for line in file.read_text().splitlines())
    return [Event(float(each[0]), each[1] == "1", each[2]) for each in lines]


def where(events: List[Event]) -> str:
    """The innermost phase in which a process was when it ended."""
    entered: List[str] = []
    for event in events:
        if event.began:
            entered.append(event.phase)
        else:
            entered.remove(event.phase)
    return entered[-1] if entered else OUTSIDE


def durations(events: List[Event]) -> Dict[str, List[float]]:
    """Seconds of all calls of each phase, in their order of ending."""
    found: Dict[str, List[float]] = {}
    begun: Dict[str, List[float]] = {}
    for event in events:
        if event.began:
            begun.setdefault(event.phase, []).append(event.seconds)
        else:
            took = event.seconds - begun[event.phase].pop()
            found.setdefault(event.phase, []).append(took)
    return found
