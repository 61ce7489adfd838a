"""How long the steps of a run take on this machine."""

from __future__ import annotations

import collections
import statistics
import time
from typing import Any, Callable, Deque, Iterable, List, Optional

ENOUGH = 1  # executions after the first that tell the duration of a step
KEPT = 1000  # the latest executions, of which there may be millions
LONG = 2 * 3600.0  # seconds: of a longer run it is said how it could be shorter


class Pace:
    """Durations of a run's steps and evaluations, of each without the first.

    The first step compiles the training step, and the first evaluation the prediction.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        later: float = 0.0,
        whole: Any = None,
    ):
        """Begins before the first step.

        Args:
            clock: seconds, never backwards.
            later: images that will be trained on when this training is done: of later
                stages, or of the comparison with labels alone.
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
        """Steps go on from here: at the start, and after anything that is no step."""
        self._begun, self._steps_done = self._clock(), step

    def stepped(self, step: int) -> bool:
        """Notes that so many steps are finished.

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
        """Notes the duration of an evaluation."""
        self._evaluations.append(seconds)

    @property
    def seconds_per_step(self) -> Optional[float]:
        """The median so far, None while there is none."""
        return _median(self._executions)

    @property
    def seconds_per_evaluation(self) -> Optional[float]:
        """The median so far, None while there is none."""
        return _median(self._evaluations)


def _median(durations: Iterable[float]) -> Optional[float]:
    _, *others = [*durations] or [0.0]
    return statistics.median(others) if others else None
