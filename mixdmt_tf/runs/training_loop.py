"""The training loop around `Algorithm.train_step`.

It is used instead of `model.fit` because exact resumption, signals and several replicas
with both Keras 2 and 3 need more than `fit` offers. The loop does not access files:
evaluations, checkpoints and stops are handled by hooks.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import statistics
import time
from typing import Any, Callable, Dict, Iterable, List, Optional, Set

import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.algorithms.base import Algorithm
from mixdmt_tf.algorithms.parts import means
from mixdmt_tf.algorithms.parts.gradient_sums import GradientSums
from mixdmt_tf.data.classification.pipeline import Pipeline
from mixdmt_tf.data.tracing import untuned
from mixdmt_tf.errors import UserError
from mixdmt_tf.models.copies import hand_down
from mixdmt_tf.models.layers.replica_statistics import average_of_replicas
from mixdmt_tf.runs.config import Config

Numbers = Dict[str, float]
LONGEST = 0.5  # target seconds of an execution if its number of steps is measured
TIMED = 3  # steps that are timed for it, after the first


@dataclasses.dataclass(frozen=True)
class Hooks:
    """Callbacks of the loop, called with the number of finished steps.

    Attributes:
        log: receives the means of all reported numbers since the last call.
        evaluate: scores the weights.
        save: writes a checkpoint.
        progress: called after every execution, with the means last logged.
        should_stop: called after every execution; True saves and ends the loop.
        begun: called without arguments after the first execution, which compiles.
        chosen: receives the number of steps of each further execution, once measured.
    """

    log: Callable[[int, Numbers], None]
    evaluate: Callable[[int], None]
    save: Callable[[int], None]
    progress: Callable[[int, Numbers], None]
    should_stop: Callable[[], bool]
    begun: Callable[[], None] = lambda: None
    chosen: Callable[[int], None] = lambda steps: None


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Intervals of events, in steps, and the number of parts of a batch.

    `steps_per_execution` is None if it is to be measured.
    """

    steps: int
    eval_every: int
    checkpoint_every: int
    log_every: int
    steps_per_execution: Optional[int] = 1
    accumulate: int = 1

    @classmethod
    def of(cls, run: Config) -> Schedule:
        """Creates the schedule of a run whose settings are all filled in."""
        names = (field.name for field in dataclasses.fields(cls))
        values = {name: getattr(run, name) for name in names}
        at_once = values["steps_per_execution"] or 1
        values["steps_per_execution"] = None if at_once == "auto" else at_once
        return cls(**values)

    def due(self, every: int, step: int) -> bool:
        """Whether an event with the interval `every` is due after `step` steps."""
        return step % every == 0 or step >= self.steps

    def next_event(self, step: int, at_once: Optional[int] = None) -> int:
        """Returns the step of the next event.

        Args:
            step: number of finished steps.
            at_once: measured number of steps of an execution, if any.
        """
        periods = (self.eval_every, self.checkpoint_every, self.log_every)
        events = [(step // every + 1) * every for every in periods]
        at_once = at_once or self.steps_per_execution or 1
        return min(events + [self.steps, step + at_once])


def train(
    algorithm: Algorithm,
    pipeline: Pipeline,
    strategy: tf.distribute.Strategy,
    schedule: Schedule,
    hooks: Hooks,
    start: int = 0,
    evaluated: Optional[Set[int]] = None,
    jit_compile: bool = False,
) -> int:
    """Runs the steps from `start` to `schedule.steps`.

    Args:
        algorithm: the compiled algorithm, built under `strategy`.
        pipeline: input pipeline that gives the batches.
        strategy: distribution strategy.
        schedule: intervals of logging, evaluations and checkpoints.
        hooks: callbacks.
        start: number of finished steps.
        evaluated: steps that are already evaluated.
        jit_compile: compile the step with XLA.

    Returns:
        The number of finished steps; fewer than `schedule.steps` after a stop.

    Raises:
        UserError: if the loss or a weight is no longer finite; nothing is saved then.
    """
    evaluated = evaluated or set()
    if algorithm.teacher is not None:  # checkpoints hold only its averages
        hand_down(algorithm.network, algorithm.teacher)
    replicas = strategy.num_replicas_in_sync
    parts = schedule.accumulate  # the pipeline treats each part like a replica

    def of_process(context: tf.distribute.InputContext) -> tf.data.Dataset:
        """Returns the batches of this process's replicas."""
        number = replicas * parts // context.num_input_pipelines
        first = context.input_pipeline_id * number
        own = range(first, first + number)
        found = pipeline.dataset(start, schedule.steps, replicas * parts, own)
        return untuned(found)

    # All processes have equally many batches, so they need not check at each step
    # whether the others have one.
    strategy.extended.experimental_enable_get_next_as_optional = False
    batches = iter(strategy.distribute_datasets_from_function(of_process))
    sums = GradientSums() if parts > 1 else None

    # Steps have no Python control flow on tensors, so AutoGraph, which takes seconds to
    # rewrite all functions that they call, is not needed.
    @functools.partial(tf.function, jit_compile=jit_compile, autograph=False)
    def step_function(batch):
        algorithm.train_step(batch, *([sums] if sums else []))

    @functools.partial(tf.function, jit_compile=jit_compile, autograph=False)
    def part_function(batch):
        sums.add(algorithm.gradients(batch, in_parts=True))

    @tf.function
    def execute(iterator, steps):
        for _ in tf.range(steps):
            if sums is not None:  # a loop, so that one part follows another
                for _ in tf.range(parts - 1):
                    strategy.run(part_function, args=(next(iterator),))
            strategy.run(step_function, args=(next(iterator),))
        if replicas > 1:
            strategy.run(lambda: average_of_replicas(_statistics(algorithm)))
        # The mean since the last reset; it stays non-finite once a loss was.
        return algorithm.means["loss"].result()

    # Several devices average running statistics after each execution, and processes
    # have to agree on when, so it must not depend on a clock.
    measured: List[float] = []
    measures = schedule.steps_per_execution is None and replicas == 1
    at_once = None
    read_means = means.reader(algorithm.means)
    step = start
    saved = start > 0
    numbers: Numbers = {}
    if start and schedule.due(schedule.eval_every, start) and start not in evaluated:
        hooks.evaluate(start)  # the run was stopped between a step and its evaluation
    while step < schedule.steps:
        before, step = step, schedule.next_event(step, at_once)
        began = time.monotonic()
        loss = float(execute(batches, tf.constant(step - before)))
        if before == start:
            hooks.begun()
        elif measures and at_once is None:
            measured.append(time.monotonic() - began)
            if len(measured) == TIMED:
                at_once = steps_at_once(statistics.median(measured), schedule.log_every)
                hooks.chosen(at_once)
        if not math.isfinite(loss):
            latest = read_means()
            raise _not_finite("the loss is", before + 1, step, latest, saved)
        if schedule.due(schedule.log_every, step):
            numbers = read_means()
            hooks.log(step, numbers)
        hooks.progress(step, numbers)
        stop = hooks.should_stop()
        save = stop or schedule.due(schedule.checkpoint_every, step)
        evaluate = not stop and schedule.due(schedule.eval_every, step)
        # A finite loss can have a non-finite gradient.
        broken = _broken(algorithm) if save or evaluate else ""
        if broken:
            latest = read_means() or numbers
            raise _not_finite(broken, before + 1, step, latest, saved)
        if save:
            hooks.save(step)
            saved = True
        if stop:
            return step
        if evaluate:
            hooks.evaluate(step)
    return step


def steps_at_once(seconds: float, most: int) -> int:
    """Chooses the steps per execution so that signals and progress need not wait.

    Args:
        seconds: duration of a step.
        most: largest number of steps.
    """
    return max(1, min(most, int(LONGEST / max(seconds, 1e-9))))


def _statistics(algorithm: Algorithm) -> List[tf.Variable]:
    """Returns variables that are not trained, such as running statistics."""
    networks = [algorithm.network] + [algorithm.peer] * algorithm.has_peer
    found = [weight for each in networks for weight in each.non_trainable_weights]
    return [*map(compat.tf_variable, found)]


def _broken(algorithm: Algorithm) -> str:
    """Says which variables are no longer finite; '' if all are fine.

    Weights include the running statistics of batch normalization. A method's own
    variables may be infinite, such as the smallest loss before the first step, but not
    NaN.
    """
    weights = [*algorithm.network.weights]
    weights += algorithm.peer.weights if algorithm.has_peer else []
    weights += [w for group in algorithm.groups.values() for w in group.weights]
    if not _all(tf.math.is_finite(each) for each in _floating(weights)):
        return "the weights are"
    if not _all(~tf.math.is_nan(each) for each in _floating(algorithm.own_variables)):
        return "a variable of the method is"
    return ""


def _floating(variables: Iterable[Any]) -> List[tf.Tensor]:
    """Returns the values of floating-point variables, thus without counters."""
    values = map(tf.convert_to_tensor, variables)
    return [each for each in values if each.dtype.is_floating]


def _all(conditions: Iterable[tf.Tensor]) -> bool:
    return bool(tf.reduce_all([True, *map(tf.reduce_all, conditions)]))


def _not_finite(
    what: str, first: int, last: int, numbers: Numbers, saved: bool
) -> UserError:
    terms = ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())
    steps = f"step {last}" if first == last else f"steps {first}-{last}"
    intact = "The last checkpoint is intact. " if saved else ""
    return UserError(
        f"{what} not finite at {steps}: {terms}.\n"
        f"{intact}Try a smaller --learning_rate, or --precision=float32."
    )
