"""One test of all files, which takes as long as a few tests of one file each."""

from __future__ import annotations

import pathlib
from typing import Callable, Iterable, List

Check = Callable[[pathlib.Path], None]


def every(paths: Iterable[pathlib.Path]) -> Callable[[Check], Callable[[], None]]:
    """Makes a test of a check of one file: of all files, naming those that fail it.

    Args:
        paths: the files, at least one.
    """
    paths = list(paths)

    def of_all(check: Check) -> Callable[[], None]:
        def test() -> None:
            assert paths
            assert not (found := faults(check, paths)), "\n\n".join(found)

        test.__name__, test.__doc__ = check.__name__, check.__doc__
        return test

    return of_all


def faults(check: Check, paths: Iterable[pathlib.Path]) -> List[str]:
    """What a check finds, file by file; an error is a fault, too."""
    found = []
    for path in paths:
        try:
            check(path)
        except Exception as error:
            found.append(f"{path}: {type(error).__name__}: {error}")
    return found
