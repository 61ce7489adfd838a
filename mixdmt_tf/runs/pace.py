"""Measures how long the steps of a run take on this machine."""

from __future__ import annotations

import collections
import statistics
import time
from typing import Any, Callable, Deque, Iterable, List, Optional

ENOUGH = 1  # executions after the first that are enough to time a step
KEPT = 1000  # number of the latest executions that are kept
LONG = 2 * 3600.0  # seconds; for longer runs a message suggests how to shorten them


class Pace:
    """Durations of a run's steps and evaluations.

    The first of each is left out: the first step compiles the training function, and
    the first evaluation the prediction.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        later: float = 0.0,
        whole: Any = None,
    ):
        """Creates the object; `begin` starts the timing.

        Args:
            clock: returns monotonic seconds.
            later: images that will be trained on after this training: in later stages,
                or in the comparison with labels alone.
            whole: `Experiment` of the run that this training is a stage of.
        """
        self._clock = clock
        self.later = later
        self.whole = whole
        self._begun: Optional[float] = None
        self._steps_done = 0
        self._executions: Deque[float] = collections.deque(maxlen=KEPT)
        self._evaluations: List[float] = []

    def begin(self, step: int) -> None:
        """Starts timing, at the start and after anything that is not a step."""
        self._begun, self._steps_done = self._clock(), step

    def stepped(self, step: int) -> bool:
        """Records that `step` steps are finished.

        Returns:
            Whether the duration of a step has just become known.
        """
        now = self._clock()
        if self._begun is not None and step > self._steps_done:
            taken = now - self._begun
            self._executions.append(taken / (step - self._steps_done))
        self._begun, self._steps_done = now, step
        return len(self._executions) == 1 + ENOUGH

    def evaluated(self, seconds: float) -> None:
        """Records the duration of an evaluation."""
        self._evaluations.append(seconds)

    @property
    def seconds_per_step(self) -> Optional[float]:
        """The median duration of a step so far; None while there is none."""
        return _median(self._executions)

    @property
    def seconds_per_evaluation(self) -> Optional[float]:
        """The median duration of an evaluation so far; None while there is none."""
        return _median(self._evaluations)


def _median(durations: Iterable[float]) -> Optional[float]:
    _, *others = [*durations] or [0.0]
    return statistics.median(others) if others else None
