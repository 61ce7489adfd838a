"""Timing things against each other on a machine that is never quiet."""

from __future__ import annotations

import statistics
import time
from typing import Any, Callable, Dict, List, Mapping


def times_in_turns(
    functions: Mapping[Any, Callable[[], Any]], rounds: int
) -> Dict[Any, List[float]]:
    """Seconds of each call, in turns so that all functions see the same load.

    Args:
        functions: by name; each was called before, if its first call is slower.
        rounds: calls of each.
    """
    times: Dict[Any, List[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            started = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - started)
    return times


def medians_in_turns(
    functions: Mapping[Any, Callable[[], Any]], rounds: int
) -> Dict[Any, float]:
    """Median seconds of a call of each, taken in turns."""
    times = times_in_turns(functions, rounds)
    return {name: statistics.median(taken) for name, taken in times.items()}
