"""The local copy of what is at an address, and what is known of both sides.

Each address has a place of its own below the cache folder:

    PLACE/NAME           the copy, under the last part of the address
    PLACE/known.json     its files as they were when both sides were the same
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
    """A file when it was the same on both sides.

    Attributes:
        local: size and time of the copy.
        digest: sha256 of what it holds, in hex.
        there: size and time at the address; None where an index has digests.
    """

    local: Local
    digest: str
    there: Optional[Local] = None


@dataclasses.dataclass
class Known:
    """What is known of a copy.

    Attributes:
        generation: of the index at the address; '' without an index.
        files: by name.
        complete: False while files are fetched.
    """

    generation: str = ""
    files: Dict[str, Entry] = dataclasses.field(default_factory=dict)
    complete: bool = True

    @classmethod
    def of(cls, fields: Dict[str, Any]) -> Known:
        """From `dataclasses.asdict`, as JSON gives it back."""
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
        """Makes its place.

        Args:
            address: in normal form.

        Raises:
            UserError: if it cannot be made, or the address has no name at its end.
        """
        name = addresses.name_of(address)
        if name in (".", ".."):  # the copy would be beside its place, or be that itself
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
                "Set XDG_CACHE_HOME to a folder that can be written."
            ) from error

    def path(self, name: str) -> pathlib.Path:
        """Of a file of the copy; '' is the copy itself.

        Raises:
            UserError: if the name leads out of it.
        """
        try:
            if name:
                require_within(name)
        except ValueError as error:
            raise UserError(f"{self.address}: {error}.\nRename it there.") from None
        return self.folder / name

    def remove(self, name: str) -> None:
        """Removes a file of the copy, and the folders that have no other."""
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
        """Size and time of a file of the copy; None if it is not there."""
        try:
            stat = self.path(name).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return stat.st_size, stat.st_mtime_ns

    def scan(self) -> Dict[str, Local]:
        """Size and time of every file of the copy; hidden ones don't count."""
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
        """What is known, and what will be once a commit is found at the address."""
        try:
            text = bounds.read_text(self.place / "known.json", bounds.JSON_BYTES)
            found = digests.unseal(text)
            later = found["later"]
            return Known.of(found["known"]), later and Known.of(later)
        except (OSError, ValueError, KeyError, TypeError):
            return Known(), None

    def write_known(self, known: Known, later: Optional[Known] = None) -> None:
        """Notes both."""
        fields = {
            "known": dataclasses.asdict(known),
            "later": later and dataclasses.asdict(later),
        }
        files.write_atomically(self.place / "known.json", digests.seal(fields))

    def has_changed(self, known: Known) -> bool:
        """Whether it has something that was not there when both sides were the same."""
        local = {name: each.local for name, each in known.files.items()}
        return known.complete and bool(self.scan().items() - local.items())

    def set_aside(self) -> pathlib.Path:
        """Gives the copy another name, so that nothing in it is lost."""
        stamp = time.strftime("%Y%m%d-%H%M%S")
        aside = self.folder.with_name(f"{self.folder.name}.before-{stamp}")
        os.replace(self.folder, aside)
        return aside

    def fetch(self, store: Store, places: Dict[str, str]) -> Dict[str, Copied]:
        """Fetches files, several at a time.

        Args:
            store: at the address.
            places: for each name of a file the name that it has at the address.

        Returns:
            What was fetched, by name, without files that are not there.
        """

        def get(name: str) -> Optional[Copied]:
            try:
                return store.get(places[name], self.path(name))
            except FileNotFoundError:
                return None
            except (FileExistsError, NotADirectoryError, IsADirectoryError):
                raise UserError(
                    f"{self.address}: {name} is within a file, or a folder too.\n"
                    "Rename one of them there."
                ) from None

        fetched = in_threads(get, places)
        return {name: each for name, each in fetched if each is not None}

    def send(self, store: Store, places: Dict[str, str]) -> Dict[str, Copied]:
        """Sends files, several at a time; as `fetch`."""

        def put(name: str) -> Optional[Copied]:
            try:
                return store.put(self.path(name), places[name])
            except FileNotFoundError:  # removed meanwhile
                return None

        sent = in_threads(put, places)
        return {name: each for name, each in sent if each is not None}

    def take(self, store: Store, names: Iterable[str], within: str = "") -> None:
        """Brings files here that have another size or time than those here came with.

        Args:
            store: at the address.
            names: of the files there; what came from there and is gone is removed here.
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
            # What was written just now may be written once more at this very time.
            there = None if stats[name].written > recent else tuple(stats[name])
            local = self.local(name) or (0, 0)
            state.files[name] = Entry(local, copied.digest, there)
        state.complete = True
        self.write_known(state)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """While this process fetches or sends; waits for others of this machine."""
        with (self.place / ".sync").open("a") as file:
            files.lock(file, wait=True)
            yield

    def own(self) -> Optional[Any]:
        """A lock on the copy until it is closed; None if another process has it."""
        file = (self.place / ".owner").open("a")
        if files.lock(file) is False:
            file.close()
            return None
        return file
