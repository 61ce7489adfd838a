"""Local copies of files and folders at addresses, and their state of synchronization.

Each address has a folder of its own in the cache folder:

    PLACE/NAME           the copy, named by the last part of the address
    PLACE/known.json     state of its files when both sides were last the same
    PLACE/.sync, .owner  locks among the processes of this machine
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import pathlib
import time
from typing import Any, Dict, Iterable, Iterator, Optional, Tuple

from mixdmt_tf import addresses, bounds, digests, files
from mixdmt_tf.errors import UserError
from mixdmt_tf.store_index import require_within
from mixdmt_tf.stores import Copied, Store
from mixdmt_tf.threads import in_threads

Local = Tuple[int, int]  # bytes, and when it was written (ns)


@dataclasses.dataclass(frozen=True)
class Entry:
    """State of a file when it was last the same on both sides.

    Attributes:
        local: size and modification time of the copy.
        digest: sha256 of its content, in hex.
        there: size and time at the address; None where an index has digests.
    """

    local: Local
    digest: str
    there: Optional[Local] = None


@dataclasses.dataclass
class Known:
    """Synchronization state of a copy.

    Attributes:
        generation: of the index at the address; '' without an index.
        files: entries by file name.
        complete: False while files are being fetched.
    """

    generation: str = ""
    files: Dict[str, Entry] = dataclasses.field(default_factory=dict)
    complete: bool = True

    @classmethod
    def of(cls, fields: Dict[str, Any]) -> Known:
        """Builds the state from the fields of `dataclasses.asdict` read from JSON."""
        entries = {}
        for name, each in fields["files"].items():
            size, written = each["local"]
            there = each["there"] and (each["there"][0], each["there"][1])
            entries[name] = Entry((size, written), each["digest"], there)
        return cls(fields["generation"], entries, fields["complete"])


class LocalCopy:
    """The local copy of a folder, or of a single file, at an address.

    Attributes:
        address: of the folder.
        folder: the copy; it need not exist.
    """

    def __init__(self, address: str):
        """Creates the folder in the cache.

        Args:
            address: in normal form.

        Raises:
            UserError: if it cannot be created, or the address has no name at its end.
        """
        name = addresses.name_of(address)
        if name in (".", ".."):  # the copy would be outside of its place
            raise UserError(f"{address}: expected a name at its end, not {name!r}.")
        self.address = address
        key = hashlib.sha256(address.encode()).hexdigest()[:16]
        self.place = files.cache_folder() / "addresses" / key
        self.folder = self.place / name
        try:
            self.place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"{address}: its local copy needs a cache folder, and {self.place} "
                f"cannot be made: {error.strerror}.\n"
                "Set XDG_CACHE_HOME to a writable folder."
            ) from error

    def path(self, name: str) -> pathlib.Path:
        """Returns the path of a file of the copy; '' is the copy itself.

        Raises:
            UserError: if the name leads out of the copy.
        """
        try:
            if name:
                require_within(name)
        except ValueError as error:
            raise UserError(f"{self.address}: {error}.\nRename it there.") from None
        return self.folder / name

    def remove(self, name: str) -> None:
        """Removes a file of the copy, and folders that are empty then."""
        path = self.path(name)
        path.unlink(missing_ok=True)
        for parent in path.parents:
            if (
                parent in (self.folder, self.place)
                or not parent.is_dir()
                or any(parent.iterdir())
            ):
                break
            parent.rmdir()

    def local(self, name: str) -> Optional[Local]:
        """Returns size and time of a file of the copy; None if it is missing."""
        try:
            stat = self.path(name).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return stat.st_size, stat.st_mtime_ns

    def scan(self) -> Dict[str, Local]:
        """Returns size and time of every file of the copy, except hidden ones."""
        found = {}
        for parent, folders, names in os.walk(self.folder):
            folders[:] = [each for each in folders if not each.startswith(".")]
            for each in names:
                path = pathlib.Path(parent, each)
                name = path.relative_to(self.folder).as_posix()
                local = None if each.startswith(".") else self.local(name)
                if local is not None:
                    found[name] = local
        return found

    def read_known(self) -> Tuple[Known, Optional[Known]]:
        """Reads the state, and the pending state of a commit that may not be done."""
        try:
            text = bounds.read_text(self.place / "known.json", bounds.JSON_BYTES)
            found = digests.unseal(text)
            later = found["later"]
            return Known.of(found["known"]), later and Known.of(later)
        except (OSError, ValueError, KeyError, TypeError):
            return Known(), None

    def write_known(self, known: Known, later: Optional[Known] = None) -> None:
        """Writes the state and the pending state."""
        fields = {
            "known": dataclasses.asdict(known),
            "later": later and dataclasses.asdict(later),
        }
        files.write_atomically(self.place / "known.json", digests.seal(fields))

    def has_changed(self, known: Known) -> bool:
        """Returns whether files are new or changed since both sides were the same."""
        local = {name: each.local for name, each in known.files.items()}
        return known.complete and bool(self.scan().items() - local.items())

    def set_aside(self) -> pathlib.Path:
        """Renames the copy, so that nothing in it is lost."""
        stamp = time.strftime("%Y%m%d-%H%M%S")
        aside = self.folder.with_name(f"{self.folder.name}.before-{stamp}")
        os.replace(self.folder, aside)
        return aside

    def fetch(self, store: Store, places: Dict[str, str]) -> Dict[str, Copied]:
        """Fetches files, several at a time.

        Args:
            store: at the address.
            places: for each local file name, the name at the address.

        Returns:
            The fetched files by name, without those that are missing there.
        """

        def get(name: str) -> Optional[Copied]:
            try:
                return store.get(places[name], self.path(name))
            except FileNotFoundError:
                return None
            except (FileExistsError, NotADirectoryError, IsADirectoryError):
                raise UserError(
                    f"{self.address}: {name} is a folder too, or inside a file.\n"
                    "Rename one of them there."
                ) from None

        fetched = in_threads(get, places)
        return {name: each for name, each in fetched if each is not None}

    def send(self, store: Store, places: Dict[str, str]) -> Dict[str, Copied]:
        """Sends files, several at a time; arguments and result as of `fetch`."""

        def put(name: str) -> Optional[Copied]:
            try:
                return store.put(self.path(name), places[name])
            except FileNotFoundError:  # removed meanwhile
                return None

        sent = in_threads(put, places)
        return {name: each for name, each in sent if each is not None}

    def take(self, store: Store, names: Iterable[str], within: str = "") -> None:
        """Fetches files that changed (in size or time) since they were last fetched.

        Args:
            store: at the address.
            names: of the files there; fetched files that are gone there are removed.
            within: the folder that they are all in, if others stay as they are.
        """
        before, _ = self.read_known()
        known = {
            name: entry
            for name, entry in before.files.items()
            if not within or name.startswith(f"{within}/")
        }
        others = {k: e for k, e in before.files.items() if k not in known}
        stats = dict(in_threads(store.stat, names))
        state = Known("", others, complete=False)
        for name, there in stats.items():
            entry = known.get(name)
            if entry and entry.there == there and self.local(name) is not None:
                state.files[name] = entry
        for name in known.keys() - stats.keys():
            self.remove(name)
        wanted = {name: name for name in stats if name not in state.files}
        if wanted:
            self.write_known(state)
        recent = time.time_ns() - 2 * 10**9  # times at addresses may be whole seconds
        for name, copied in self.fetch(store, wanted).items():
            # A recent file may be written again with the same time stamp.
            there = None if stats[name].written > recent else tuple(stats[name])
            local = self.local(name) or (0, 0)
            state.files[name] = Entry(local, copied.digest, there)
        state.complete = True
        self.write_known(state)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps other processes of this machine from fetching or sending meanwhile."""
        with (self.place / ".sync").open("a") as file:
            files.lock(file, wait=True)
            yield

    def own(self) -> Optional[Any]:
        """Locks the copy until the file is closed; None if another process has it."""
        file = (self.place / ".owner").open("a")
        if files.lock(file) is False:
            file.close()
            return None
        return file
