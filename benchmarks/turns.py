"""Timing two things against each other on a machine that is never quiet."""

from __future__ import annotations

import statistics
import time
from typing import Callable, Tuple


def medians_in_turns(
    first: Callable[[], object], second: Callable[[], object], rounds: int
) -> Tuple[float, float]:
    """Median seconds of a call of each, in turns so that both see the same load."""

    def seconds(function: Callable[[], object]) -> float:
        started = time.perf_counter()
        function()
        return time.perf_counter() - started

    times = [(seconds(first), seconds(second)) for _ in range(rounds)]
    one, other = zip(*times)
    return statistics.median(one), statistics.median(other)
