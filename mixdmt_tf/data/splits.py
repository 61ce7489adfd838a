"""Which training images are labelled, unlabelled and held out: `split.json`."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
from typing import Any, Callable, Optional

import numpy as np

from mixdmt_tf import bounds, digests
from mixdmt_tf.errors import UserError

VERSION = 1
PARTS = ("labeled", "unlabeled", "validation")


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Ids of training images; the three parts never overlap.

    Attributes:
        dataset: name of the source.
        seed: that it was drawn with.
        fingerprint: of the source's training data.
        labeled: int64 ids in the order they were drawn.
        unlabeled: int64 ids, sorted when drawn. Their labels are hidden.
        validation: int64 ids, in neither of the others.
        own_validation: validation images are the source's own (`Source.validation`)
            and `validation` is empty.
    """

    dataset: str
    seed: int
    fingerprint: str
    labeled: np.ndarray
    unlabeled: np.ndarray
    validation: np.ndarray
    own_validation: bool = False

    def to_json(self) -> str:
        """The text of a `split.json`, one line per field."""
        fields = {"version": VERSION}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            fields[field.name] = value.tolist() if field.name in PARTS else value
        lines = (f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in fields.items())
        return "{\n" + ",\n".join(lines) + "\n}\n"

    @classmethod
    def from_json(cls, text: str) -> Split:
        """Reads what `to_json` wrote.

        Raises:
            ValueError: saying what is wrong with the text.
        """
        fields = json.loads(text)
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
            if not all(type(each) is int for each in fields[part]):
                raise ValueError(f"{part}: expected integers")
            try:
                fields[part] = np.array(fields[part], np.int64)
            except OverflowError:
                raise ValueError(f"{part}: an id is out of range") from None
        return cls(**fields)

    def digest(self) -> str:
        """Sha256 in hex of `to_json()`, and so of the file that holds it."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


def write_split(path: pathlib.Path, split: Split) -> None:
    """Writes `split.json`, whole or not at all, and notes its digest."""
    digests.write(pathlib.Path(path), split.to_json())


def read_fitting(
    path: pathlib.Path,
    source: Any,
    problem_of: Callable[[Split, Any], Optional[str]],
) -> Split:
    """Reads a split and makes sure that it fits the data.

    Args:
        path: of a `split.json`; it may be written by hand.
        source: the data that it is for, of either task.
        problem_of: what makes the split's ids useless for the source, or None.

    Raises:
        UserError: if the file can't be read, belongs to other data, or has a problem.
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
            f"{split.fingerprint[:12]}\nid numbers mean other images here; draw a new "
            "split, or point --data_dir to the data it was made for"
        )
    problem = problem_of(split, source)
    if problem:
        raise UserError(f"{path}: {problem}")
    return split
