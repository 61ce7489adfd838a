"""Who works in a folder, or at an address, that several machines may see.

Stores have no locks, and many network file systems keep them on each machine for
itself. So the owner writes a small file there, over and over. Who finds that of a
process that may still run watches it for a while, by his own clock, since clocks of
machines differ; what does not change is of a process that has ended. A file of another
machine may be seen late, so the owner looks at it again before anything is saved: where
two have begun, one stops.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from typing import IO, Callable, NamedTuple, Optional, Protocol, Set

from mixdmt_tf import files
from mixdmt_tf.errors import UserError
from mixdmt_tf.progress import duration

_held: Set[str] = set()  # the tokens of this process


class InUse(UserError):
    """Another process is the owner."""


class Place(Protocol):
    """Where the file is, by its name: a `stores.Store`, or a folder."""

    def read(self, name: str) -> bytes:
        """All that it holds; a FileNotFoundError if it is not there."""

    def write(self, name: str, content: bytes) -> None:
        """Replaces it as a whole."""

    def remove(self, name: str) -> None:
        """Removes it, if it is there."""


class Timing(NamedTuple):
    """Seconds.

    Attributes:
        beat: between signs of life.
        watch: without one after which an owner counts as ended.
        settle: in which another machine may have taken it at the same time.
    """

    beat: float
    watch: float
    settle: float = 0.0


class Record(NamedTuple):
    """What an owner writes; a token of '' is of a record that cannot be read."""

    owner: str
    token: str
    machine: str
    process: int
    beat: int


class Lease:
    """This process as the owner of a place."""

    def __init__(
        self,
        place: Place,
        name: str,
        shown: str,
        timing: Timing,
        say: Callable[[str], None],
    ):
        """Touches nothing yet.

        Args:
            place: what to own.
            name: of the file there.
            shown: what the place is called in messages.
            timing: how often the file is written, and for how long it is watched.
            say: receives a sentence if there is something to wait for.
        """
        self._place, self._name, self._shown = place, name, shown
        self._timing, self._say = timing, say
        token = secrets.token_hex(8)
        self._record = Record(this_process(), token, machine(), os.getpid(), 0)
        self._end = threading.Event()
        self._thread: Optional[threading.Thread] = None

    def take(self, alone_here: bool = False) -> None:
        """Takes the place, and keeps it until `release`.

        Args:
            alone_here: whether no other process of this machine has it, those in
                containers included, as a lock says.

        Raises:
            InUse: naming the owner, if there is one.
        """
        held = self._read()
        if held is not None and not (alone_here and _booted(held.machine)):
            if not _ended_here(held):
                self._watch(held)
        _held.add(self._record.token)
        self._write()
        if self._timing.settle:
            time.sleep(self._timing.settle)
            self.require()
        self._end.clear()
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self._thread.start()

    def require(self) -> None:
        """Makes sure that nobody has taken it over, not even one who has ended since.

        Raises:
            InUse: naming who has.
        """
        held = self._read()
        if held is not None and held.token in (self._record.token, ""):
            return
        how = f"was in use by others: its {self._name} is gone"
        if held is not None:
            how = f"is now in use by {held.owner}"
        raise InUse(
            f"{self._shown} {how}: this process has stopped, and has saved nothing "
            "there since.\nLet one of the two train; the same command resumes."
        )

    def release(self) -> None:
        """Lets others take it, if it is still ours."""
        _held.discard(self._record.token)
        self._end.set()
        if self._thread is not None:
            self._thread.join()
        held = self._read()
        if held is not None and held.token == self._record.token:
            self._place.remove(self._name)

    def _watch(self, held: Record) -> None:
        if not held.token:
            return
        self._say(
            f"{self._shown} was in use by {held.owner}: waiting up to "
            f"{duration(self._timing.watch)} for a sign of life"
        )
        end = time.monotonic() + self._timing.watch
        while time.monotonic() < end:
            time.sleep(self._timing.beat / 4)
            now = self._read()
            if now is None:  # it has ended meanwhile
                return
            if now.token and now != held:
                raise in_use(self._shown, now.owner)

    def _go_on(self) -> None:
        while not self._end.wait(self._timing.beat):
            try:
                held = self._read()
                if held is not None and held.token in (self._record.token, ""):
                    self._record = self._record._replace(beat=self._record.beat + 1)
                    self._write()
            except (OSError, UserError):  # the network, or a full disk: the next time
                pass

    def _read(self) -> Optional[Record]:
        """The record that is there; None if there is none."""
        try:
            found = json.loads(self._place.read(self._name))
            texts = (str(found[name]) for name in ("owner", "token", "machine"))
            return Record(*texts, int(found["process"]), int(found["beat"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):  # or half of a file
            return Record("", "", "", 0, 0)

    def _write(self) -> None:
        text = json.dumps(self._record._asdict())
        self._place.write(self._name, text.encode("utf-8"))


def lock(file: IO[str], shown: str) -> bool:
    """Locks a file until it is closed, and writes into it who has done so.

    Args:
        file: opened with 'a+'.
        shown: what it stands for, in messages.

    Returns:
        Whether its file system has locks.

    Raises:
        InUse: naming the process that has locked it.
    """
    locked = files.lock(file)
    if locked is False:
        file.seek(0)
        raise in_use(shown, file.read().strip() or "another process")
    file.truncate(0)
    file.write(this_process())
    file.flush()
    os.fsync(file.fileno())  # other machines read it while it is open
    return bool(locked)


def in_use(shown: str, owner: str) -> InUse:
    """What to tell whom a place is refused."""
    return InUse(
        f"{shown} is in use by {owner}.\n"
        "Wait for it, stop it, or choose another --workdir."
    )


def this_process() -> str:
    """This process in words: number, machine, and time."""
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    return f"process {os.getpid()} on {socket.gethostname()} since {since}"


def machine() -> str:
    """What tells a machine and its container from all others; '' if that is unknown."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return f"{file.read().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _booted(there: str) -> bool:
    """Whether a `machine()` is this one, in whatever container."""
    here = machine().partition(" ")[0]
    return here != "" and there.partition(" ")[0] == here


def _ended_here(held: Record) -> bool:
    """Whether an owner was a process of this machine that is no more."""
    if not held.machine or held.machine != machine():
        return False
    if held.process == os.getpid():  # a container starts again with equal numbers
        return held.token not in _held
    try:
        os.kill(held.process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass
    return False
