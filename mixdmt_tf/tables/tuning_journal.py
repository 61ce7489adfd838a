"""The journal of a hyperparameter search: a file to which Optuna appends lines."""

from __future__ import annotations

import os
import pathlib
from typing import Any

from mixdmt_tf import bounds
from mixdmt_tf.errors import UserError

NAME = "tuning.log"
_BEGINNING = b'{"op_code":'  # first bytes of every journal


def opened(optuna: Any, folder: pathlib.Path) -> Any:
    """Opens the storage of a search, and creates its journal if there is none.

    Args:
        optuna: the package.
        folder: folder of the search; no other process may use it.

    Raises:
        UserError: if the file is damaged or is not a journal.
    """
    # Optuna's lock is a link to this text: relative, it would lead nowhere, and a lock
    # that a killed search left would be waited for without end.
    journal = folder.absolute() / NAME
    try:
        journal.with_name(f"{NAME}.lock").unlink(missing_ok=True)
        _mend(journal)
        backend = optuna.storages.journal.JournalFileBackend(str(journal))
        storage = optuna.storages.JournalStorage(backend)
        storage.get_all_studies()
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(
            f"{journal} is damaged or not the journal of a search: {error}.\n"
            "Give another --workdir."
        ) from None
    return storage


def _mend(journal: pathlib.Path) -> None:
    """Removes an incomplete last line, left by a full disk or a crash.

    Optuna would append the next entry to it and could read neither.

    Raises:
        ValueError: if the file does not begin like a journal, or is too large.
    """
    if not journal.is_file():
        return
    content = bounds.read_bytes(journal, bounds.TEXT_BYTES)
    if content and not content.startswith(_BEGINNING):
        raise ValueError("it does not begin like one")
    if not content.endswith(b"\n"):
        os.truncate(journal, content.rfind(b"\n") + 1)
