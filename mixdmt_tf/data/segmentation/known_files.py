"""Caches the results of checking files, so that the next run need not read them.

A file counts as unchanged if its path, its size and its times are the same: those of
the last change of its content and of its metadata.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
import time
from typing import Any, Iterable, List, NamedTuple, Optional, Tuple

import mixdmt_tf
from mixdmt_tf import bounds
from mixdmt_tf.data.segmentation.source import Sample, Source
from mixdmt_tf.errors import UserError
from mixdmt_tf.files import cache_folder, write_atomically

VERSION = 1  # raise when the checks change
# Nanoseconds. The clock of a file system may be so coarse that a file that was just
# written can change again without a new time.
SETTLED = 2 * 10**9


class Look(NamedTuple):
    """The problem of an image, or None, and whether any pixel has a class."""

    problem: Optional[str]
    labeled: bool = False


def key(source: Source, tasks: Iterable[Tuple[Sample, bool]]) -> Optional[str]:
    """Returns the key of images and labels in the cache.

    Args:
        source: the data set.
        tasks: images, and whether their labels are read, too.

    Returns:
        The key, or None if an image is not in a file, or its file is missing or was
        written only a moment ago.
    """
    latest = time.time_ns() - SETTLED
    about = [VERSION, mixdmt_tf.__version__, source.name, source.class_names]
    digest = hashlib.sha256(json.dumps(about).encode())
    for sample, with_labels in tasks:
        files = sample.files()
        if not files:
            return None
        facts: List[Any] = [sample.name, with_labels, sample.reading()]
        for path in files:
            try:
                status = path.stat()
            except OSError:
                return None
            times = status.st_mtime_ns, status.st_ctime_ns
            if max(times) > latest:
                return None
            facts.append([str(path), status.st_size, *times])
        digest.update(json.dumps(facts).encode())
    return digest.hexdigest()


def read(known: str, number: int) -> Optional[List[Look]]:
    """Reads the results of an earlier check.

    Args:
        known: the key.
        number: number of images.

    Returns:
        The results, or None if they are missing or damaged.
    """
    try:
        text = bounds.read_text(_place(known), bounds.TEXT_BYTES)
        found = [Look(problem, labeled) for problem, labeled in json.loads(text)]
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    sound = all(
        isinstance(look.problem, (str, type(None))) and isinstance(look.labeled, bool)
        for look in found
    )
    return found if sound and len(found) == number else None


def write(known: str, looks: List[Look]) -> None:
    """Stores results; if this fails, files are read again next time."""
    try:
        _place(known).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(_place(known), json.dumps(looks))
    except (OSError, UserError):
        return


def _place(known: str) -> pathlib.Path:
    return cache_folder() / f"read-{known}.json"
