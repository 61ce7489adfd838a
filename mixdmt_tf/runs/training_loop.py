"""The training loop: a few lines around `Algorithm.train_step`.

It exists beside `model.fit` because exact resumption, signals and several replicas on
both stacks need more than `fit` gives. It knows nothing of files: what happens at an
evaluation, a checkpoint or a stop is in the hooks it is given.
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
LONGEST = 0.5  # seconds of an execution, if nobody says how many steps it has
TIMED = 3  # steps by which that is told, after the first


@dataclasses.dataclass(frozen=True)
class Hooks:
    """What happens on the way; each is called with the number of finished steps.

    Attributes:
        log: receives the means of all reported numbers since the last call.
        evaluate: scores the weights.
        save: writes a checkpoint.
        progress: called after every execution, with the means last logged.
        should_stop: asked after every execution; True saves and ends the loop.
        begun: called without a number after the first execution, which compiles.
        chosen: receives the steps of each further execution, if they are measured.
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
    """When things happen, in steps, and in how many parts a step takes its batch.

    `steps_per_execution` is None to have it measured.
    """

    steps: int
    eval_every: int
    checkpoint_every: int
    log_every: int
    steps_per_execution: Optional[int] = 1
    accumulate: int = 1

    @classmethod
    def of(cls, run: Config) -> Schedule:
        """That of a run, which leaves nothing open."""
        names = (field.name for field in dataclasses.fields(cls))
        values = {name: getattr(run, name) for name in names}
        at_once = values["steps_per_execution"] or 1
        values["steps_per_execution"] = None if at_once == "auto" else at_once
        return cls(**values)

    def due(self, every: int, step: int) -> bool:
        """Whether something that happens every so often happens after `step` steps."""
        return step % every == 0 or step >= self.steps

    def next_event(self, step: int, at_once: Optional[int] = None) -> int:
        """The step at which something happens next.

        Args:
            step: finished steps.
            at_once: steps of an execution, if they were measured.
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
        algorithm: compiled, built under `strategy`.
        pipeline: the batches.
        strategy: where it runs.
        schedule: when things happen.
        hooks: what happens.
        start: finished steps.
        evaluated: steps that need no evaluation any more.
        jit_compile: compile the step with XLA.

    Returns:
        The number of finished steps; fewer than `schedule.steps` after a stop.

    Raises:
        UserError: if the loss or a weight is no longer finite; nothing is saved then.
    """
    evaluated = evaluated or set()
    if algorithm.teacher is not None:  # checkpoints hold its averages alone
        hand_down(algorithm.network, algorithm.teacher)
    replicas = strategy.num_replicas_in_sync
    parts = schedule.accumulate  # of each replica's rows: the rows of a replica each

    def of_process(context: tf.distribute.InputContext) -> tf.data.Dataset:
        """The batches of the replicas that this process has."""
        number = replicas * parts // context.num_input_pipelines
        first = context.input_pipeline_id * number
        own = range(first, first + number)
        found = pipeline.dataset(start, schedule.steps, replicas * parts, own)
        return untuned(found)

    # All processes have equally many batches: none has to ask at each step whether the
    # others have one.
    strategy.extended.experimental_enable_get_next_as_optional = False
    batches = iter(strategy.distribute_datasets_from_function(of_process))
    sums = GradientSums() if parts > 1 else None

    # Steps have no Python control flow of tensors: AutoGraph, which would rewrite the
    # source of everything that they call, has nothing to do but takes seconds.
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
        # The mean since the last reset: once not finite, it stays so.
        return algorithm.means["loss"].result()

    # Several devices average running statistics after each execution, and processes
    # have to agree: a clock must not decide there.
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
        # A loss that is still finite can have a gradient that is not.
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
    """How many steps an execution has so that signals and progress need not wait.

    Args:
        seconds: that a step takes.
        most: steps.
    """
    return max(1, min(most, int(LONGEST / max(seconds, 1e-9))))


def _statistics(algorithm: Algorithm) -> List[tf.Variable]:
    """Variables that are not trained, running statistics among them."""
    networks = [algorithm.network] + [algorithm.peer] * algorithm.has_peer
    found = [weight for each in networks for weight in each.non_trainable_weights]
    return [*map(compat.tf_variable, found)]


def _broken(algorithm: Algorithm) -> str:
    """What can't be trained any further: weights, or a method's own variables.

    Running statistics of batch normalization count among the weights. A variable of a
    method may be infinite, say the smallest loss before there is one.
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
    """Their values, without those of counters."""
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
