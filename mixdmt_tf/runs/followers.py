"""One training run as a worker sees it that is not the chief.

It computes its rows of each step and keeps its copy of the weights. Everything else,
files, scores, printed lines, is the chief's (`session.py`), which has written the run's
settings and split before it calls the others, and waits for nobody to read.
"""

from __future__ import annotations

import pathlib

import tensorflow as tf

from mixdmt_tf.algorithms.parts import means
from mixdmt_tf.errors import UserError
from mixdmt_tf.runs import beginning, checkpoints, data_service, training_loop
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
        task: of the experiment that stands in the run's folder.
        path: the run's folder, which is only read.
        strategy: where it runs.
        workers: all of them.
        interrupts: installed signal handlers.

    Raises:
        UserError: if it does not see what the chief sees, or the loss or a weight is
            no longer finite.
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
        if saved.restore(start) is None:  # or it would go on with random weights
            raise UserError(
                f"worker {workers.index} finds no whole checkpoint of step {start} in "
                f"{saved.folder}, from which the chief goes on.\n"
                "All workers have to see the run's folder. The same command on all of "
                "them tries again."
            )
        note = saved.note.get("means", {})
        means.restore(algorithm.means, note, workers.number, workers.index)
    else:
        workers.share(checkpoints.variables(algorithm))

    def noted(step: int) -> None:
        """Gives the chief what it saves."""
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
