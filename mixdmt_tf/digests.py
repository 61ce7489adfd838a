"""Digests of the files in a folder, kept in `digests.json` beside them.

A number that changes in a file, on a bad disk or by hand, would go unnoticed into
published results. So files are compared, when they are read, with the digest that was
recorded when they were written. Files of older versions, which have no digest, are
accepted as they are.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
from typing import Any, Dict, Iterable, List, Optional

from mixdmt_tf import bounds
from mixdmt_tf.errors import UserError
from mixdmt_tf.files import write_atomically

NAME = "digests.json"
SEAL = "digest"  # of all other fields of a sealed file


class Damaged(UserError):
    """The content of a file differs from what was written."""

    def __init__(self, path: pathlib.Path, how: str = "changed since it was written"):
        """Builds the message: which file is damaged, and how to recover."""
        self.how = how
        super().__init__(
            f"{path} is damaged: {how}.\nRun the training command of the folder again: "
            "it restores what it can, and says so."
        )


def write(path: pathlib.Path, text: str) -> None:
    """Writes a text file atomically and records its digest.

    The new digest is recorded before the file is replaced, and the old digest is kept
    until then: whenever the process is killed, one of the two matches the file.
    """
    digests = _read(path.parent) or {}
    new = _digest(text.encode("utf-8"))
    held = _digest_of(path)
    accepted = [each for each in digests.get(path.name, []) if each == held != new]
    accepted.append(new)
    if digests.get(path.name) != accepted:
        _write(path.parent, {**digests, path.name: accepted})
    if held != new:
        write_atomically(path, text)


def read(path: pathlib.Path, most: int = bounds.JSON_BYTES) -> str:
    """Reads a text file and verifies its digest.

    Args:
        path: of the file.
        most: largest allowed number of bytes.

    Raises:
        Damaged: if the file was changed, or is missing although it was written.
        OSError: if it never existed, or cannot be read.
        UnicodeDecodeError: if it has no digest and is not text.
        TooLarge: if it is larger than `most`.
    """
    if is_damaged(path):
        raise Damaged(path) if path.exists() else Damaged(path, "it is missing")
    return bounds.read_bytes(path, most).decode("utf-8")


def read_json(path: pathlib.Path) -> Dict[str, Any]:
    """Reads a file with a JSON object; see `read`."""
    try:
        found = json.loads(read(path))
    except (ValueError, RecursionError):
        raise Damaged(path, "it is not JSON") from None
    if not isinstance(found, dict):
        raise Damaged(path, "it does not hold an object of JSON")
    return found


def copy(source: pathlib.Path, place: pathlib.Path) -> None:
    """Copies a text file, verified by `read` and written by `write`."""
    write(place, read(source))


def is_damaged(path: pathlib.Path) -> bool:
    """Returns whether a file differs from what was written; False if unknown."""
    before = None
    while True:
        accepted = known(path.parent).get(path.name)
        if accepted is None or _digest_of(path) in accepted:
            return False
        if accepted == before:
            return True
        before = accepted  # or a training has written it between the two looks


def is_sound(path: pathlib.Path) -> bool:
    """Returns whether a file exists and does not differ from a recorded digest."""
    try:
        return path.exists() and not is_damaged(path)
    except Damaged:  # the digests themselves
        return False


def accepts(path: pathlib.Path, text: str) -> bool:
    """Returns whether a text is what was last written to a now damaged file."""
    accepted = known(path.parent).get(path.name, [])
    return _digest(text.encode("utf-8")) in accepted


def known(folder: pathlib.Path) -> Dict[str, List[str]]:
    """Returns the digests of a folder by file name; {} if it has none.

    Raises:
        Damaged: if `digests.json` itself is damaged.
    """
    found = _read(folder)
    if found is None:
        path = folder / NAME
        raise Damaged(path, "it does not fit its own digest")
    return found


def forget(path: pathlib.Path) -> None:
    """Removes a file and its digest."""
    path.unlink(missing_ok=True)
    digests = _read(path.parent) or {}
    if digests.pop(path.name, None) is not None:
        _write(path.parent, digests)


def adopt(folder: pathlib.Path, names: Iterable[str]) -> None:
    """Records the digests of these files as they are now, and drops all others.

    Args:
        folder: the folder of the digests.
        names: of the files, which may be in subfolders: 'variables/a'.
    """
    found = {name: _digest_of(folder / name) for name in names}
    _write(folder, {name: [each] for name, each in found.items() if each})


def changed(folder: pathlib.Path) -> List[str]:
    """Returns the names of files that are missing or don't match their digest.

    Raises:
        Damaged: if `digests.json` itself is damaged.
    """
    noted = known(folder)
    return sorted(n for n in noted if _digest_of(folder / n) not in noted[n])


def seal(fields: Dict[str, Any]) -> str:
    """Serializes fields to JSON that includes their digest, for `unseal`."""
    return json.dumps({**fields, SEAL: _digest_of_fields(fields)}, indent=1)


def unseal(text: str) -> Dict[str, Any]:
    """Returns the fields that were given to `seal`.

    Raises:
        ValueError: if the digest is missing or doesn't match.
    """
    fields = json.loads(text)
    if not isinstance(fields, dict) or fields.pop(SEAL, None) != _digest_of_fields(
        fields
    ):
        raise ValueError("it does not fit its own digest")
    return fields


def _read(folder: pathlib.Path) -> Optional[Dict[str, List[str]]]:
    """Reads the recorded digests; None if they are damaged."""
    try:
        found = unseal(bounds.read_text(folder / NAME, bounds.TEXT_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (ValueError, RecursionError):
        return None
    inside = (not {"..", "/"} & {*pathlib.PurePosixPath(name).parts} for name in found)
    return found if all(inside) and all(map(_is_list, found.values())) else None


def _is_list(accepted: Any) -> bool:
    return isinstance(accepted, list) and all(isinstance(e, str) for e in accepted)


def _write(folder: pathlib.Path, digests: Dict[str, List[str]]) -> None:
    write_atomically(folder / NAME, seal(digests))


def _digest_of_fields(fields: Any) -> str:
    return _digest(json.dumps(fields, sort_keys=True).encode())


def _digest_of(path: pathlib.Path) -> Optional[str]:
    try:
        return bounds.digest(path, bounds.CHECKPOINT_BYTES)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError):
        return None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
