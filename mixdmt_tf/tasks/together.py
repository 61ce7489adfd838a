"""Training on all machines of `TF_CONFIG`, or on this one alone.

The chief does the same as on a single machine: one run after the other, with labelling
in between. For each run it sends the other workers the run's folder, where they find
settings, split and pseudo labels; for each labelling it sends the folder and a stage.
The folder must have the same path on all of them, on a file system that they share.
"""

from __future__ import annotations

import contextlib
import pathlib
from typing import Any, Callable, Dict, Optional

import keras

from mixdmt_tf.errors import UserError
from mixdmt_tf.rounds import sharing
from mixdmt_tf.runs import followers, runtime
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.interrupts import Interrupts
from mixdmt_tf.runs.workers import Workers, in_words
from mixdmt_tf.tasks import fit, open_task

Read = Callable[[str], Experiment]


def train(experiment: Experiment, read: Read) -> Optional[Dict[str, Any]]:
    """Trains, or resumes training, together with the other workers if there are any.

    Args:
        experiment: all settings.
        read: reads the experiment of a run folder.

    Returns:
        The content of `results.json`; None on workers other than the chief.

    Raises:
        UserError: for all problems that the user can fix, and if a worker is lost.
        Interrupted: after a signal to any worker; the same commands resume.
    """
    workers = runtime.join(experiment.run)
    if not workers.chief:
        with in_words(workers):
            _follow(read, workers)
        return None
    with in_words(workers):
        outcome = fit.train(experiment)
    # The run is complete: a worker that is lost only now has done its part.
    with contextlib.suppress(UserError), in_words(workers):
        workers.hear("")
    return outcome


def _follow(read: Read, workers: Workers) -> None:
    """Takes part in the chief's runs until there are no more."""
    source = None
    print(f"worker {workers.index} of {workers.number} follows the chief", flush=True)
    with Interrupts() as interrupts:
        while True:
            folder, _, stage = workers.hear().partition("\n")
            if not folder:
                return
            keras.backend.clear_session()
            path, task = pathlib.Path(folder), open_task(read(folder), source)
            if stage:
                sharing.follow(task, path, stage, workers)
            else:
                strategy = runtime.start(task.experiment.run)
                followers.follow(task, path, strategy, workers, interrupts)
            source = task.source
