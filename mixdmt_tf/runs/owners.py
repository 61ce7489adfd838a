"""Who trains in a run folder that several machines may see.

The lock on `.lock` ends with its process, however it ends. But many network file
systems keep such locks on each machine for itself, or have none. So the owner also
writes `.owner.json`, over and over. Who finds that of a process that may still run
watches it for a while, by his own clock, since clocks of machines differ; what does not
change is of a process that has ended. A file of another machine may be seen late, so
the owner looks at it again before anything is saved: where two have begun, one stops.
"""

from __future__ import annotations

import json
import os
import pathlib
import secrets
import threading
import time
from typing import Callable, Dict, NamedTuple, Optional

from mixdmt_tf.errors import UserError
from mixdmt_tf.files import write_atomically
from mixdmt_tf.store_locks import ended_here, machine, this_process

NAME = ".owner.json"
BEAT = 10.0  # seconds between signs of life
# Seconds without one after which an owner counts as ended. NFS shows a name that was
# looked up for up to a minute as it was (acdirmax in nfs(5)).
WATCH = 90.0

_owners: Dict[pathlib.Path, "Owner"] = {}  # of this process


class Record(NamedTuple):
    """What an owner writes."""

    owner: str
    token: str
    machine: str
    process: int
    beat: int


class Owner:
    """This process as the owner of a folder."""

    def __init__(self, folder: pathlib.Path):
        """Touches nothing yet."""
        self._folder = folder
        token = secrets.token_hex(8)
        self._record = Record(this_process(), token, machine(), os.getpid(), 0)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)

    def take(self, alone_here: bool, say: Callable[[str], None] = print) -> None:
        """Takes the folder, and keeps it until `release`.

        Args:
            alone_here: whether no other process of this machine has it, those in
                containers included, as a lock says.
            say: receives a sentence if there is something to wait for.

        Raises:
            UserError: naming the owner, if there is one.
        """
        held = self._read()
        if held is not None and not (alone_here and _booted(held.machine)):
            own = {each._record.token for each in _owners.values()}
            if not ended_here(held.machine, held.process, held.token in own):
                self._watch(held, say)
        self._write()
        _owners[self._folder] = self
        self._thread.start()

    def require(self) -> None:
        """Makes sure that nobody has taken it over.

        Raises:
            UserError: naming who has.
        """
        held = self._read()
        if held is not None and held.token != self._record.token:
            raise UserError(
                f"{self._folder} is now in use by {held.owner}: this process has "
                "stopped, and has saved nothing since.\nLet one of the two train; the "
                "same command resumes."
            )

    def release(self) -> None:
        """Lets others take it, if it is still ours."""
        if _owners.get(self._folder) is self:
            del _owners[self._folder]
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()
        held = self._read()
        if held is not None and held.token == self._record.token:
            (self._folder / NAME).unlink(missing_ok=True)

    def _watch(self, held: Record, say: Callable[[str], None]) -> None:
        say(
            f"{self._folder} was in use by {held.owner}: waiting up to {WATCH:.0f} s "
            "for a sign of life"
        )
        end = time.monotonic() + WATCH
        while time.monotonic() < end:
            time.sleep(BEAT / 4)
            now = self._read()
            if now is None:  # it has ended meanwhile
                return
            if now != held:
                raise in_use(self._folder, now.owner)

    def _go_on(self) -> None:
        while not self._end.wait(BEAT):
            try:
                held = self._read()
                if held is None or held.token == self._record.token:
                    self._record = self._record._replace(beat=self._record.beat + 1)
                    self._write()
            except OSError:  # the network, or a full disk: the next time, perhaps
                pass

    def _read(self) -> Optional[Record]:
        try:
            found = json.loads((self._folder / NAME).read_text("utf-8"))
            texts = (str(found[name]) for name in ("owner", "token", "machine"))
            return Record(*texts, int(found["process"]), int(found["beat"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None  # or half of a file: nobody's

    def _write(self) -> None:
        text = json.dumps(self._record._asdict())
        write_atomically(self._folder / NAME, text)


def _booted(there: str) -> bool:
    """Whether a `machine()` is this one, in whatever container."""
    here = machine().partition(" ")[0]
    return here != "" and there.partition(" ")[0] == here


def require(folder: pathlib.Path) -> None:
    """Makes sure that what this process has taken of a folder is still its own.

    Args:
        folder: taken itself, or below one that is.

    Raises:
        UserError: naming the process that has taken it over.
    """
    for each in (folder, *folder.parents):
        if each in _owners:
            _owners[each].require()


def in_use(folder: pathlib.Path, owner: str) -> UserError:
    """What to tell whom a folder is refused."""
    return UserError(
        f"{folder} is in use by {owner}.\n"
        "Wait for it, stop it, or choose another --workdir."
    )
