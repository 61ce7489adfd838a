"""Threads for what is mostly waiting.

Many names at a time; files that are read ahead of a network that is busy, and written
behind it.
"""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import threading
from typing import Any, Callable, Deque, Iterable, Iterator, Sequence, Tuple

THREADS = 16
_READERS, AHEAD = 2, 8  # threads, and what waits in memory


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


def read_ahead(
    read: Callable[[Any], Any], items: Sequence[Any]
) -> Iterator[Tuple[Any, Any]]:
    """(item, read(item)) in order; the next few are read by threads meanwhile."""
    with concurrent.futures.ThreadPoolExecutor(_READERS) as pool:
        waiting = [pool.submit(read, item) for item in items[:AHEAD]]
        try:
            for place, item in enumerate(items):
                found = waiting.pop(0).result()
                if place + AHEAD < len(items):
                    waiting.append(pool.submit(read, items[place + AHEAD]))
                yield item, found
        finally:
            for each in waiting:
                each.cancel()


@contextlib.contextmanager
def written_behind() -> Iterator[Callable[..., None]]:
    """Calls functions in another thread while the caller goes on.

    In order, one after the other, not more than a few behind. Also if an exception
    ends the caller, all that was given has been called when this ends.

    Yields:
        Takes a function and its arguments. It raises what an earlier one has raised,
        after which no other is called, and so does the end.
    """
    waiting: Deque[Any] = collections.deque()
    failed = threading.Event()

    def attempt(function: Callable[..., Any], *arguments: Any) -> None:
        if failed.is_set():
            return
        try:
            function(*arguments)
        except BaseException:
            failed.set()
            raise

    def later(function: Callable[..., Any], *arguments: Any) -> None:
        while waiting and (waiting[0].done() or len(waiting) == AHEAD):
            waiting.popleft().result()
        waiting.append(pool.submit(attempt, function, *arguments))

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        yield later
        while waiting:
            waiting.popleft().result()
