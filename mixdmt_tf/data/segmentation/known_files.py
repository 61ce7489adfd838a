"""What was found when files were last read, so that the next run need not read them.

A file counts as the one that was read as long as its path, size and times are the same:
that of its content, and that of its permissions.
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

VERSION = 1  # raise when other things are looked at
# Nanoseconds: a file system's clock may tick so rarely that a file which was just
# written changes once more without a new time.
SETTLED = 2 * 10**9


class Look(NamedTuple):
    """What is wrong with an image, None if nothing is; whether a pixel has a class."""

    problem: Optional[str]
    labeled: bool = False


def key(source: Source, tasks: Iterable[Tuple[Sample, bool]]) -> Optional[str]:
    """What images and labels are known by.

    Args:
        source: the data set.
        tasks: images, and whether their labels are read, too.

    Returns:
        None if any of them is in no file, in one that is not there, or in one that was
        written a moment ago.
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
    """What was found when files of this key were read.

    Args:
        known: the key.
        number: of images.

    Returns:
        None if that is not known, or damaged.
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
    """Keeps what was found; where nothing can be kept files are read again."""
    try:
        _place(known).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(_place(known), json.dumps(looks))
    except (OSError, UserError):
        return


def _place(known: str) -> pathlib.Path:
    return cache_folder() / f"read-{known}.json"
