"""Outputs of commands at addresses, other than run folders: tables, labels, models.

The files are independent of one another: there is no index as for run folders
(`mirrors.py`), and several machines can write into one folder.
"""

from __future__ import annotations

import itertools
import pathlib
from typing import Callable, Iterator, List

from mixdmt_tf import addresses
from mixdmt_tf.errors import UsageError
from mixdmt_tf.local_copies import Entry, Known, LocalCopy
from mixdmt_tf.stores import Store
from mixdmt_tf.threads import in_threads


class Output:
    """An output at an address: written locally, and sent when the command ends.

    Attributes:
        address: of the file or folder.
        path: where it is written locally.
        copy: the local copy that contains `path`.
    """

    def __init__(self, address: str, say: Callable[[str], None], shared: bool = False):
        """Creates the local folder; renames a previous one with files not sent.

        Args:
            address: in normal form.
            say: receives a sentence if a folder is renamed.
            shared: whether all processes of this machine share the folder and keep it:
                a cache, whose files are the same whichever process makes them.

        Raises:
            UsageError: if the address has no name in it.
        """
        parent, _, name = address.rpartition("/")
        if parent.endswith("/"):
            raise UsageError(f"{address}: expected a name in it, {address}/NAME")
        self.address = address
        self.store = Store(parent)
        for number in itertools.count():  # each process of this machine has its own
            self.copy = LocalCopy(addresses.below(address, f"output{number or ''}"))
            self._owner = None if shared else self.copy.own()
            if shared or self._owner is not None:
                break
        self.path = self.copy.folder / name
        self._name = name
        self._brought: List[str] = []
        with self.copy.alone():
            known, _ = self.copy.read_known()
            left = self.copy.folder.exists() and self.copy.has_changed(known)
            if left and not shared:
                say(f"written earlier and not sent: {self.copy.set_aside()}")
                self.copy.write_known(Known())
            self.copy.folder.mkdir(exist_ok=True)

    def bring(self, inner: str) -> None:
        """Fetches the output from the address, or only the folder `inner` if not ''."""
        self._brought.append(f"{inner}/" if inner else "")
        with self.copy.alone():
            self.copy.take(self.store, [*self._names(inner)], inner)

    def _names(self, inner: str) -> Iterator[str]:
        stem = pathlib.PurePath(self._name).stem
        for each in [inner] if inner else self.store.list():
            name = each.rstrip("/")
            if not inner and name != self._name and not name.startswith(f"{stem}."):
                continue
            if self.store.is_folder(name):
                below = Store(self.store.place(name))
                yield from (f"{name}/{file}" for file in below.names())
            elif self.store.exists(name):
                yield name

    def send(self) -> None:
        """Sends new files, several at a time; the one written last is sent last."""
        try:
            self._send()
        finally:
            if self._owner is not None:
                self._owner.close()

    def _send(self) -> None:
        with self.copy.alone():
            known, _ = self.copy.read_known()
            brought = tuple(self._brought)
            found = {k: v for k, v in self.copy.scan().items() if k.startswith(brought)}
            gone = [k for k in known.files.keys() - found if k.startswith(brought)]
            same = {k for k, each in known.files.items() if each.local == found.get(k)}
            new = sorted(found.keys() - same, key=lambda name: found[name][1])

            def put(name: str) -> Entry:
                sent = self.store.put(self.copy.path(name), name)
                return Entry(found[name], sent.digest, tuple(self.store.stat(name)))

            try:
                for names in (new[:-1], new[-1:]):
                    known.files.update(in_threads(put, names))
                for name in gone:
                    self.store.remove(name)
                    del known.files[name]
            finally:
                self.copy.write_known(known)
