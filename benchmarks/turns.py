"""Timing of functions in turns, for comparisons on a busy machine."""

from __future__ import annotations

import statistics
import time
from typing import Any, Callable, Dict, List, Mapping


def times_in_turns(
    functions: Mapping[Any, Callable[[], Any]], rounds: int
) -> Dict[Any, List[float]]:
    """Times functions in turns, so that all of them see the same load.

    Args:
        functions: by name; call them before if the first call is slower.
        rounds: number of calls of each.

    Returns:
        Seconds of each call, by name.
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
    """Returns the median seconds of a call of each function, timed in turns."""
    times = times_in_turns(functions, rounds)
    return {name: statistics.median(taken) for name, taken in times.items()}
