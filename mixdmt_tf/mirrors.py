"""Run folders at addresses: commands work in a local copy; the address has an index.

A run is a folder of files that refer to one another, but a store writes one file at a
time. So an index at the address lists the files that make up the folder, and changes
are sent in three steps:

1. New files are sent to their places, and files that replace others to a hidden folder
   beside them.
2. A new index replaces the old one atomically. It lists all files, and those that are
   still in the hidden folder. From here on the new state is valid.
3. Files in the hidden folder are moved to their places, files that are no longer listed
   are removed, and the index is updated.

A process that fetches the folder takes the files that the index lists, if necessary
from the hidden folder. Whenever a machine is lost, the address holds the last state or
the one before. A folder without an index, as copied by other programs, is taken as it
is.
"""

from __future__ import annotations

import contextlib
import secrets
from typing import Any, Callable, List, Optional

from mixdmt_tf import leases, store_index
from mixdmt_tf.errors import UserError
from mixdmt_tf.local_copies import Entry, Known, LocalCopy
from mixdmt_tf.store_index import SENDING, Index
from mixdmt_tf.stores import Store

LOCK = ".mixdmt-lock.json"
# `beat` is longer than the 15 seconds for which a failed request is repeated.
TIMING = leases.Timing(beat=20.0, watch=180.0, settle=1.0)
ATTEMPTS = 5  # to fetch a folder that its owner changes meanwhile


class Mirror:
    """A folder at an address and its local copy.

    Attributes:
        store: the files at the address.
        copy: the local copy.
    """

    def __init__(self, address: str, say: Callable[[str], None] = print):
        """Initializes the mirror; makes no requests yet.

        Args:
            address: in normal form.
            say: receives sentences about files that others changed or damaged.

        Raises:
            UsageError: if TensorFlow has no file system for it.
        """
        self.store = Store(address)
        self.copy = LocalCopy(address)
        self._say = say
        self._lock = leases.Lease(self.store, LOCK, address, TIMING, say)
        self._owner: Optional[Any] = None

    @property
    def address(self) -> str:
        """Address of the folder."""
        return self.store.address

    def claim(self) -> None:
        """Makes this process the only one to send, and completes interrupted sending.

        Raises:
            InUse: if another process is the owner; names it.
            UserError: if the store fails.
        """
        with self.copy.alone():
            owner = self.copy.own()
        if owner is None:
            raise leases.in_use(self.address, "another process of this machine")
        try:
            self._lock.take()
            index = store_index.read(self.store)
            if index is not None:
                store_index.settle(self.store, index)
            self.store.remove_folder(SENDING)
        except BaseException:
            try:
                with contextlib.suppress(UserError):  # of the network
                    self._lock.release()
            finally:
                owner.close()
            raise
        self._owner = owner

    def release(self) -> None:
        """Lets other processes send."""
        if self._owner is not None:
            try:
                self._lock.release()
            finally:
                self._owner.close()
                self._owner = None

    def is_used_here(self) -> bool:
        """Returns whether another process of this machine works in the copy."""
        if self._owner is not None:
            return False
        owner = self.copy.own()
        if owner is not None:
            owner.close()
        return owner is None

    def fetch(self) -> None:
        """Updates the copy to the state at the address, unless that is older.

        Changes in the copy that were never sent stay; but if the address has changed
        too, the copy is renamed and fetched anew. A copy in which another process of
        this machine trains is taken as it is.
        """
        with self.copy.alone():
            if self.is_used_here():
                return
            index = store_index.read(self.store)
            if index is None:
                self._take_listed()
                return
            for _ in range(ATTEMPTS):
                wrong = self._take(index)
                before, index = index, store_index.read(self.store) or index
                # Staged files may have been moved between asking and reading.
                if not wrong or (index == before and not index.staged):
                    break
            if wrong:
                self._give_up(wrong)

    def send(self) -> bool:
        """Updates the address to the state of the copy, atomically.

        Returns:
            Whether there was anything to send.

        Raises:
            UserError: if the store fails, or another process has taken the address
                over. The state there is the old one or the new one.
        """
        if self._owner is None:
            raise ValueError("send() needs claim()")
        with self.copy.alone():
            known, _ = self.copy.read_known()
            found = self.copy.scan()
            changed = [
                name
                for name, local in found.items()
                if name not in known.files or known.files[name].local != local
            ]
            gone = [name for name in known.files if name not in found]
            if not changed and not gone:
                return False
            self._lock.require()
            before = store_index.read(self.store)
            if before is None:  # from now on only listed files are part of the run
                before = self._first_index(known)
                known = Known(before.generation, known.files)
            store_index.settle(self.store, before)
            listed = dict(before.files)
            after = Index(secrets.token_hex(8), listed)
            after.removed = [name for name in gone if listed.pop(name, None)]
            entries = {k: e for k, e in known.files.items() if k in found}
            places = {k: f"{SENDING}/{k}" if k in listed else k for k in changed}
            for name, sent in self.copy.send(self.store, places).items():
                listed[name] = (sent.size, sent.digest)
                entries[name] = Entry(found[name], sent.digest)
                after.staged += [name] * (places[name] != name)
            # If others have added to the state, this copy holds only a part of it.
            whole = before.generation == known.generation
            later = Known(after.generation if whole else known.generation, entries)
            self._lock.require()
            self._commit(known, later, after)
            store_index.settle(self.store, after)
            return True

    def _first_index(self, known: Known) -> Index:
        """Writes an index for a folder that has none at the address."""
        index = Index(secrets.token_hex(8))
        for name, each in known.files.items():
            index.files[name] = (each.local[0], each.digest)
        self._commit(known, Known(index.generation, known.files), index)
        return index

    def _commit(self, known: Known, later: Known, index: Index) -> None:
        """Writes an index; after a kill, the next process can tell whether it did."""
        self.copy.write_known(known, later)
        store_index.write(self.store, index)
        self.copy.write_known(later)

    def _take(self, index: Index) -> List[str]:
        """Fetches the files of an index; returns the names of missing or wrong files.

        If the address is not newer, files that were changed here are kept.
        """
        known, later = self.copy.read_known()
        if later is not None and later.generation == index.generation:
            known = later  # stopped after the commit, before it was recorded
        newer = known.generation != index.generation or not known.complete
        if newer and self.copy.folder.exists() and self.copy.has_changed(known):
            aside = self.copy.set_aside()
            self._say(
                f"{self.address} was written to by another machine: local changes that "
                f"were not sent are in {aside}"
            )
            known = Known()
        found = self.copy.scan()
        # A copy that is ahead of the address is complete even before all is fetched.
        state, wanted = Known(index.generation, complete=not newer), {}
        for name, (_, digest) in index.files.items():
            entry = known.files.get(name)
            kept = entry and entry.local == found.get(name) and entry.digest == digest
            if entry and (kept or (not newer and name in found)):
                state.files[name] = entry
            elif newer or name not in found:
                wanted[name] = store_index.place_of(self.store, index, name)
        if newer:
            for name in found.keys() - index.files.keys():
                self.copy.remove(name)
        if wanted:
            self.copy.write_known(state)
        for name, copied in self.copy.fetch(self.store, wanted).items():
            if copied.digest == index.files[name][1]:
                local = self.copy.local(name) or (0, 0)
                state.files[name] = Entry(local, copied.digest)
        wrong = [name for name in wanted if name not in state.files]
        state.complete = not (wrong and newer)
        self.copy.write_known(state)
        return wrong

    def _give_up(self, wrong: List[str]) -> None:
        """Accepts a damaged state: damaged files are found by their own digests."""
        names = ", ".join(sorted(wrong)[:3])
        self._say(f"{self.address}: missing there, or not as it was sent: {names}")
        known, _ = self.copy.read_known()
        known.complete = True
        self.copy.write_known(known)

    def _take_listed(self) -> None:
        """Fetches new and changed files from an address without an index."""
        known, _ = self.copy.read_known()
        if known.generation and self.copy.folder.exists():
            aside = self.copy.set_aside()
            self._say(f"{self.address} has no run any more: the local copy is {aside}")
            self.copy.write_known(Known())
        self.copy.take(self.store, self.store.names())
