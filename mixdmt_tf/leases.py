"""Ownership of a folder, or an address, that several machines may access.

Stores have no locks, and many network file systems keep locks on each machine
separately. So the owner rewrites a small file there at intervals. A process that finds
another's file watches it for a while, by its own clock, since clocks of machines
differ; if the file does not change, its owner has ended. Another machine's file may
become visible late, so the owner checks it again before it saves anything: if two
processes have started, one of them stops.
"""

from __future__ import annotations

import json
import os
import pathlib
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
    """Interface to the file's place, a `stores.Store` or a folder."""

    def read(self, name: str) -> bytes:
        """Returns the file's content; raises FileNotFoundError if it is missing."""

    def write(self, name: str, content: bytes) -> None:
        """Replaces the file as a whole."""

    def remove(self, name: str) -> None:
        """Removes the file, if it exists."""


class Timing(NamedTuple):
    """Intervals in seconds.

    Attributes:
        beat: between two writes of the file by its owner.
        watch: without a change of the file, after which its owner counts as ended.
        settle: wait after taking a place, in case another machine takes it too.
    """

    beat: float
    watch: float
    settle: float = 0.0


class Record(NamedTuple):
    """Content of an owner's file; the token is '' if the file cannot be read."""

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
        """Initializes the lease; reads and writes nothing yet.

        Args:
            place: the place to own.
            name: of the file there.
            shown: name of the place in messages.
            timing: how often the file is written, and for how long it is watched.
            say: receives a sentence if the lease has to wait.
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
            alone_here: whether a lock ensures that no other process of this machine,
                including processes in containers, owns the place.

        Raises:
            InUse: if there is an owner; names it.
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
        """Checks that no process has taken the place over, even one that has ended.

        Raises:
            InUse: if one has; names it.
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
        """Lets others take the place, if this process still owns it."""
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
        """Returns the present record; None if there is none."""
        try:
            found = json.loads(self._place.read(self._name))
            texts = (str(found[name]) for name in ("owner", "token", "machine"))
            return Record(*texts, int(found["process"]), int(found["beat"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):  # or a partial file
            return Record("", "", "", 0, 0)

    def _write(self) -> None:
        text = json.dumps(self._record._asdict())
        self._place.write(self._name, text.encode("utf-8"))


def lock(file: IO[str], shown: str) -> bool:
    """Locks a file until it is closed, and writes the owner's name into it.

    Args:
        file: opened with 'a+'.
        shown: name of the locked folder or address in messages.

    Returns:
        Whether its file system has locks.

    Raises:
        InUse: if another process has locked it; names the process.
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


def owner_of(folder: pathlib.Path) -> str:
    """Returns the process of this machine that has locked a folder; '': none."""
    try:
        with (folder / ".lock").open("r+") as file:
            if files.lock(file) is False:
                return file.read().strip() or "another process"
    except OSError:  # there is no such folder, or it cannot be written
        pass
    return ""


def in_use(shown: str, owner: str) -> InUse:
    """Returns the error for a place that another process owns."""
    return InUse(
        f"{shown} is in use by {owner}.\n"
        "Wait for it, stop it, or choose another --workdir."
    )


def this_process() -> str:
    """Describes this process in words: process id, machine, and time."""
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    return f"process {os.getpid()} on {socket.gethostname()} since {since}"


def machine() -> str:
    """Returns a unique id of this machine and container; '' if it is unknown."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return f"{file.read().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _booted(there: str) -> bool:
    """Returns whether an id from `machine()` is of this machine, in any container."""
    here = machine().partition(" ")[0]
    return here != "" and there.partition(" ")[0] == here


def _ended_here(held: Record) -> bool:
    """Returns whether an owner was a process of this machine that has ended."""
    if not held.machine or held.machine != machine():
        return False
    if held.process == os.getpid():  # restarted containers reuse process ids
        return held.token not in _held
    try:
        os.kill(held.process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass
    return False
