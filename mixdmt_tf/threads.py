"""Threads for input and output.

They handle many files at a time, and read and write files while a network computes.
"""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import threading
from typing import Any, Callable, Deque, Iterable, Iterator, Sequence, Tuple

THREADS = 16
_READERS, AHEAD = 2, 8  # threads, and items that wait in memory


def in_threads(
    call: Callable[[str], Any], names: Iterable[str]
) -> Iterator[Tuple[str, Any]]:
    """Yields (name, call(name)), several calls at a time; stops at the first error."""
    pool = concurrent.futures.ThreadPoolExecutor(THREADS)
    try:
        names = [*names]
        yield from zip(names, pool.map(call, names))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)  # what is not begun yet


def read_ahead(
    read: Callable[[Any], Any], items: Sequence[Any]
) -> Iterator[Tuple[Any, Any]]:
    """Yields (item, read(item)) in order; threads read the next few items meanwhile."""
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

    The functions are called in order, one at a time, and at most a few are waiting.
    When the context ends, even by an exception, all of them have been called.

    Yields:
        A function that takes a function and its arguments. After one of the functions
        has raised an error, no other is called, and the next call or the end of the
        context raises that error.
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
