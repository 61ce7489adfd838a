"""The same for many names at a time, where most of the time is waiting."""

from __future__ import annotations

import concurrent.futures
from typing import Any, Callable, Iterable, Iterator, Tuple

THREADS = 16


def in_threads(
    call: Callable[[str], Any], names: Iterable[str]
) -> Iterator[Tuple[str, Any]]:
    """Calls for each name, several at a time; the first error ends it."""
    pool = concurrent.futures.ThreadPoolExecutor(THREADS)
    try:
        names = [*names]
        yield from zip(names, pool.map(call, names))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)  # what is not begun yet
