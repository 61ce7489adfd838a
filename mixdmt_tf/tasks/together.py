"""Training on all machines of `TF_CONFIG`, or on this one alone.

The chief does what it does alone, whatever that is: runs one after the other, rounds of
labelling in between. At each run it calls the others by the run's folder, in which they
find settings, split and pseudo labels, and at each labelling by the folder and a stage.
A folder of this name has to be there for all of them, on a file system that they share.
"""

from __future__ import annotations

import pathlib
from typing import Any, Callable, Dict, Optional

import keras

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
        read: the experiment of a run folder.

    Returns:
        What `results.json` holds; None on workers other than the chief.

    Raises:
        UserError: for everything that the user can put right, and if a worker is lost.
        Interrupted: after a signal to any worker; the same commands resume.
    """
    workers = runtime.join(experiment.run)
    with in_words(workers):
        if workers.chief:
            outcome = fit.train(experiment)
            workers.hear("")
            return outcome
        _follow(read, workers)
    return None


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
