"""A training run on a worker that is not the chief.

The worker computes its rows of each batch and keeps its copy of the weights. Files,
scores and printed lines are up to the chief (`session.py`). The chief writes the run's
settings and split before it calls the workers, and does not wait for them to read.
"""

from __future__ import annotations

import pathlib

import tensorflow as tf

from mixdmt_tf.algorithms.parts import means
from mixdmt_tf.errors import UserError
from mixdmt_tf.runs import (
    beginning,
    checkpoints,
    data_service,
    step_errors,
    training_loop,
)
from mixdmt_tf.runs.interrupts import Interrupted, Interrupts
from mixdmt_tf.runs.splits import find_split
from mixdmt_tf.runs.task import Task
from mixdmt_tf.runs.workers import Workers


def follow(
    task: Task,
    path: pathlib.Path,
    strategy: tf.distribute.Strategy,
    workers: Workers,
    interrupts: Interrupts,
) -> None:
    """Takes part in a run that the chief has begun.

    Args:
        task: task of the experiment in the run's folder.
        path: the run's folder, which is only read.
        strategy: distribution strategy of the training.
        workers: all workers.
        interrupts: installed signal handlers.

    Raises:
        UserError: if the chief's checkpoint is not visible here, or if the loss or a
            weight is no longer finite.
        Interrupted: if a worker was asked to stop.
    """
    run = task.experiment.run
    split = find_split(task, path)
    pseudo = beginning.pseudo_labels(task, split)
    parts = strategy.num_replicas_in_sync * run.accumulate
    beginning.copies(task, split, workers)
    pipeline = task.pipeline(split, pseudo, parts)
    algorithm = beginning.algorithm(task, split, strategy)
    start, evaluated = map(int, workers.hear().split())
    if start:
        saved = checkpoints.Checkpoints(
            path / "checkpoints",
            checkpoints.state(algorithm),
            portable=checkpoints.portable(algorithm),
        )
        if saved.restore(start) is None:  # don't continue with random weights
            raise UserError(
                f"worker {workers.index} finds no intact checkpoint of step {start} in "
                f"{saved.folder}, from which the chief resumes.\n"
                "All workers have to see the run's folder. The same command on all of "
                "them tries again."
            )
        note = saved.note.get("means", {})
        means.restore(algorithm.means, note, workers.number, workers.index)
    else:
        workers.share(checkpoints.variables(algorithm))

    def noted(step: int) -> None:
        """Sends the chief the metric state that it saves."""
        means.state(algorithm.means, workers.gather)

    def begun() -> None:
        interrupts.deferred = True

    hooks = training_loop.Hooks(
        log=lambda step, numbers: None,
        evaluate=noted,
        save=noted,
        progress=lambda step, numbers: None,
        should_stop=lambda: interrupts.agreed(workers),
        begun=begun,
    )
    try:
        with step_errors.explained():
            training_loop.train(
                algorithm,
                data_service.of_run(
                    pipeline, run.data_service, path, beginning.state(split, pseudo)
                ),
                strategy,
                training_loop.Schedule.of(run),
                hooks,
                start,
                {start} if evaluated else set(),
                run.jit_compile == "on",
            )
    finally:
        interrupts.deferred = False
    if interrupts.requested is not None:
        raise Interrupted(interrupts.requested)
