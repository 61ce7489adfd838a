"""Splits of the training images: labelled, unlabelled, validation (`split.json`)."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
import re
from typing import Any, Callable, Dict, Iterator, Optional

import numpy as np

from mixdmt_tf import bounds, digests
from mixdmt_tf.errors import UserError

VERSION = 1
PARTS = ("labeled", "unlabeled", "validation")
_PIECE = 1 << 16  # ids to convert to text at a time
# Lists of whole numbers in JSON; within a string the quotes would be escaped.
_IDS = re.compile(r'"(labeled|unlabeled|validation)"\s*:\s*\[([-0-9,\s]*)\]')


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Ids of the labelled, unlabelled and validation images, which never overlap.

    Attributes:
        dataset: name of the source.
        seed: seed with which the split was drawn.
        fingerprint: fingerprint of the source's training data.
        labeled: int64 ids in the order they were drawn.
        unlabeled: int64 ids, sorted if they were drawn. Their labels are hidden.
        validation: int64 ids of training images that are held out for validation.
        own_validation: whether the source has its own validation images
            (`Source.validation`), in which case `validation` is empty.
    """

    dataset: str
    seed: int
    fingerprint: str
    labeled: np.ndarray
    unlabeled: np.ndarray
    validation: np.ndarray
    own_validation: bool = False

    def to_json(self) -> str:
        """Returns the text of a `split.json`, one line per field."""
        return "".join(self._pieces())

    def _pieces(self) -> Iterator[str]:
        """Yields the text in pieces: ten million ids at once would take 600 MB."""
        yield f'{{\n  "version": {VERSION}'
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            yield f",\n  {json.dumps(field.name)}: "
            if field.name not in PARTS:
                yield json.dumps(value)
                continue
            yield "["
            for start in range(0, len(value), _PIECE):
                text = json.dumps(value[start : start + _PIECE].tolist())
                yield ", " * (start > 0) + text[1:-1]
            yield "]"
        yield "\n}\n"

    @classmethod
    def from_json(cls, text: str) -> Split:
        """Parses the text of a `split.json`.

        Raises:
            ValueError: if the text is not a valid split.
        """
        parts: Dict[str, np.ndarray] = {}

        def cut_out(found: re.Match[str]) -> str:
            try:
                parts[found[1]] = _numbers(text, *found.span(2))
            except OverflowError:
                raise ValueError(f"{found[1]}: an id is out of range") from None
            return f'"{found[1]}": []'

        fields = json.loads(_IDS.sub(cut_out, text))
        if not isinstance(fields, dict) or fields.pop("version", None) != VERSION:
            raise ValueError(f"expected an object with version {VERSION}")
        fields.setdefault("own_validation", False)
        types = {"dataset": str, "seed": int, "fingerprint": str}
        types.update({part: list for part in PARTS}, own_validation=bool)
        for name, expected in types.items():
            if type(fields.get(name)) is not expected:
                raise ValueError(f"{name}: expected {expected.__name__}")
        if set(fields) != set(types):
            raise ValueError(f"unknown fields {sorted(set(fields) - set(types))}")
        for part in PARTS:
            if fields[part]:  # anything but whole numbers
                raise ValueError(f"{part}: expected integers")
            fields[part] = parts.get(part, np.zeros(0, np.int64))
        return cls(**fields)

    def digest(self) -> str:
        """The SHA-256 of `to_json()` in hex, which is that of the file."""
        total = hashlib.sha256()
        for piece in self._pieces():
            total.update(piece.encode())
        return total.hexdigest()


def _numbers(text: str, start: int, stop: int) -> np.ndarray:
    """Parses whole numbers separated by commas: int64.

    Raises:
        ValueError: if the text is not a valid list in JSON.
        OverflowError: if a number is out of range.
    """
    if not text[start:stop].strip():
        return np.zeros(0, np.int64)
    numbers = np.empty(text.count(",", start, stop) + 1, np.int64)
    done = 0
    while start <= stop:
        comma = text.find(",", min(start + 8 * _PIECE, stop), stop)
        end = stop if comma < 0 else comma
        some = json.loads(f"[{text[start:end]}]")
        numbers[done : done + len(some)] = some
        done, start = done + len(some), end + 1
    if done < len(numbers):
        raise ValueError("a comma without a number after it")
    return numbers


def write_split(path: pathlib.Path, split: Split) -> None:
    """Writes `split.json` atomically, and records its digest."""
    digests.write(pathlib.Path(path), split.to_json())


def read_fitting(
    path: pathlib.Path,
    source: Any,
    problem_of: Callable[[Split, Any], Optional[str]],
) -> Split:
    """Reads a split and checks that it fits the data.

    Args:
        path: path of a `split.json`, which may be written by hand.
        source: source of the split, of either task.
        problem_of: function that returns what makes the split invalid for the source,
            or None.

    Raises:
        UserError: if the file can't be read, belongs to other data, or is invalid.
    """
    name, fingerprint = source.name, source.fingerprint()
    try:
        split = Split.from_json(digests.read(pathlib.Path(path), bounds.SPLIT_BYTES))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; expected a split.json") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is no split.json: {error}") from error
    if (split.dataset, split.fingerprint) != (name, fingerprint):
        raise UserError(
            f"{path} is a split of other data: expected {name} with fingerprint "
            f"{fingerprint[:12]}, it was made for {split.dataset} with "
            f"{split.fingerprint[:12]}\nIts ids mean other images here. Draw a new "
            "split with another --workdir, or point --data_dir to the data it was made "
            "for."
        )
    problem = problem_of(split, source)
    if problem:
        raise UserError(f"{path}: {problem}")
    return split
