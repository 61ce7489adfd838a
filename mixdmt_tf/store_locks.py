"""Who writes at an address: a small file there that names host, process and time.

Stores have no locks that end with the process that holds them. So the owner writes the
time into the file every minute, and whoever finds an old time takes the address over.
Clocks of machines may differ by a few minutes.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from typing import Any, Callable, Dict, Optional, Set

from mixdmt_tf import stores
from mixdmt_tf.errors import UserError
from mixdmt_tf.progress import duration

NAME = ".mixdmt-lock.json"
REFRESH = 60.0  # seconds between signs of life
STALE = 600.0  # seconds without one after which an owner counts as dead
SETTLE = 1.0  # seconds in which another machine may have taken it at the same time

_held: Set[str] = set()  # the tokens of this process


class InUse(UserError):
    """Another process has the lock."""


class Lock:
    """The lock of one address."""

    def __init__(self, store: stores.Store, say: Callable[[str], None] = print):
        """Asks nothing yet.

        Args:
            store: at the address.
            say: receives a sentence if a dead owner's lock is taken over.
        """
        self._store = store
        self._say = say
        self._token = secrets.token_hex(8)
        self._owner = this_process()
        self._end = threading.Event()
        self._thread: Optional[threading.Thread] = None

    def take(self) -> None:
        """Takes the lock, and keeps it until `release`.

        Raises:
            InUse: naming its owner.
        """
        held = self._read()
        if held:
            age = max(0.0, time.time() - held["alive"])
            ours = held["token"] in _held
            ended = ended_here(held["machine"], held["process"], ours)
            if not ended and age < STALE:
                raise self._in_use(held, age)
            self._say(
                f"{self._store.address} was in use by {held['owner']}, which has ended "
                f"or been silent for {duration(age)}: taken over"
            )
        _held.add(self._token)
        self._write()
        time.sleep(SETTLE)
        self.require()
        self._thread = threading.Thread(target=self._refresh, daemon=True)
        self._thread.start()

    def require(self) -> None:
        """Makes sure that nobody has taken it over.

        Raises:
            InUse: naming who has.
        """
        held = self._read()
        if held is None or held["token"] != self._token:
            raise self._in_use(held or {"owner": "nobody known"}, 0.0)

    def release(self) -> None:
        """Lets others take it, if it is still ours."""
        _held.discard(self._token)
        self._end.set()
        if self._thread is not None:
            self._thread.join()
        held = self._read()
        if held is not None and held["token"] == self._token:
            self._store.remove(NAME)

    def _read(self) -> Optional[Dict[str, Any]]:
        try:
            found = json.loads(self._store.read(NAME))
            return {
                "owner": str(found["owner"]),
                "token": str(found["token"]),
                "machine": str(found["machine"]),
                "process": int(found["process"]),
                "alive": float(found["alive"]),
            }
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None  # or half of a file: nobody's

    def _write(self) -> None:
        fields = {
            "owner": self._owner,
            "token": self._token,
            "machine": machine(),
            "process": os.getpid(),
            "alive": time.time(),
        }
        self._store.write(NAME, json.dumps(fields).encode())

    def _refresh(self) -> None:
        while not self._end.wait(REFRESH):
            try:
                held = self._read()
                if held is None or held["token"] == self._token:
                    self._write()
            except UserError:  # the network: the next time, perhaps
                pass

    def _in_use(self, held: Dict[str, Any], age: float) -> InUse:
        return InUse(
            f"{self._store.address} is in use by {held['owner']}, last heard of "
            f"{duration(age)} ago.\nWait for it, stop it, or choose another address. "
            f"An owner that was killed counts as dead after {duration(STALE)}."
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


def ended_here(on: str, process: int, ours: bool) -> bool:
    """Whether an owner was a process of this machine that is no more.

    Args:
        on: the owner's `machine()`.
        process: its number.
        ours: whether this process is the owner itself.
    """
    if not on or on != machine():
        return False
    if process == os.getpid():  # a container starts again with equal numbers
        return not ours
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass
    return False
