"""The journal of a search for settings: a file to which Optuna adds lines."""

from __future__ import annotations

import os
import pathlib
from typing import Any

from mixdmt_tf import bounds
from mixdmt_tf.errors import UserError

NAME = "tuning.log"
_BEGINNING = b'{"op_code":'  # of every journal


def opened(optuna: Any, folder: pathlib.Path) -> Any:
    """The storage of a search, whose journal is made if there is none.

    Args:
        optuna: the package.
        folder: of the search; no other process may be in it.

    Raises:
        UserError: if the journal is damaged, or something else.
    """
    journal = folder / NAME
    try:
        _mend(journal)
        backend = optuna.storages.journal.JournalFileBackend(str(journal))
        storage = optuna.storages.JournalStorage(backend)
        storage.get_all_studies()
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(
            f"{journal} is damaged, or no journal of a search: {error}.\n"
            "Name another --workdir."
        ) from None
    return storage


def _mend(journal: pathlib.Path) -> None:
    """Takes away what a full disk, or a crash, left of a last line.

    Optuna would write the next entry behind it, and could read neither.

    Raises:
        ValueError: if it does not begin as journals do, or is larger than any.
    """
    if not journal.is_file():
        return
    content = bounds.read_bytes(journal, bounds.TEXT_BYTES)
    if content and not content.startswith(_BEGINNING):
        raise ValueError("it begins otherwise")
    if not content.endswith(b"\n"):
        os.truncate(journal, content.rfind(b"\n") + 1)
