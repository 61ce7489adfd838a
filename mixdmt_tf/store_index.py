"""The index of a folder at an address: the list of files of its present state.

An index is replaced atomically, and so is the state of many files that it lists; see
`mirrors.py`.
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Dict, List, Optional, Tuple

from mixdmt_tf import digests
from mixdmt_tf.errors import UserError
from mixdmt_tf.stores import Store
from mixdmt_tf.threads import in_threads

NAME = ".mixdmt-index.json"
SENDING = ".mixdmt-sending"  # the folder of files that wait to be moved


@dataclasses.dataclass
class Index:
    """Content of an index.

    Attributes:
        generation: unique id of the state.
        files: (bytes, sha256) by name.
        staged: names of files to be moved from the hidden folder.
        removed: names of files to be removed.
    """

    generation: str
    files: Dict[str, Tuple[int, str]] = dataclasses.field(default_factory=dict)
    staged: List[str] = dataclasses.field(default_factory=list)
    removed: List[str] = dataclasses.field(default_factory=list)


def read(store: Store) -> Optional[Index]:
    """Reads the index at an address; None if it has none.

    Raises:
        UserError: if it is damaged.
    """
    try:
        found = digests.unseal(store.read(NAME).decode("utf-8"))
        listed = {
            k: (int(size), str(text)) for k, (size, text) in found["files"].items()
        }
        index = Index(found["generation"], listed, found["staged"], found["removed"])
        for name in (*index.files, *index.staged, *index.removed):
            require_within(name)
        return index
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{store.place(NAME)} is damaged: {error}.\nRemove it to have the files "
            "there taken as they are."
        ) from error


def write(store: Store, index: Index) -> None:
    """Replaces the index at an address."""
    text = digests.seal(dataclasses.asdict(index))
    store.write(NAME, text.encode("utf-8"))


def settle(store: Store, index: Index) -> None:
    """Moves and removes files as an index says, and records there that it is done."""
    if not index.staged and not index.removed:
        return

    def move(name: str) -> None:
        try:
            store.move(f"{SENDING}/{name}", name)
        except FileNotFoundError:  # it was moved already
            pass

    for _ in (
        *in_threads(move, index.staged),
        *in_threads(store.remove, index.removed),
    ):
        pass
    index.staged, index.removed = [], []
    write(store, index)


def place_of(store: Store, index: Index, name: str) -> str:
    """Returns the current name of a listed file, which may be in the hidden folder."""
    staged = f"{SENDING}/{name}"
    waits = name in index.staged and store.exists(staged)
    return staged if waits else name


def require_within(name: str) -> None:
    """Checks that a name does not lead out of its folder.

    Raises:
        ValueError: if it does.
    """
    parts = pathlib.PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts:
        raise ValueError(f"{name!r} is no name of a file in a folder")
