"""`--dry_run`: does everything that a run does, on few images in a temporary folder."""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile
from typing import Any, Dict

import keras

from mixdmt_tf.files import expanded
from mixdmt_tf.rounds.bases import require_base, require_fitting
from mixdmt_tf.rounds.loop import Loop
from mixdmt_tf.runs import runtime, transfer
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.interrupts import Interrupts
from mixdmt_tf.runs.run_folder import RunFolder
from mixdmt_tf.runs.splits import choose_split
from mixdmt_tf.runs.task import Task
from mixdmt_tf.runs.warnings import average_warning
from mixdmt_tf.tasks import fit, open_task

ROUNDS = 2  # of a run in rounds


def dry_run(experiment: Experiment) -> Dict[str, Any]:
    """Tries copies, a step, evaluation, checkpoint, resumption, another step, export.

    A run in rounds does so for the base model and for each of two rounds. A given base
    model or given pseudo labels don't belong to the few images, so they are checked and
    then made anew.

    Args:
        experiment: the run to try; its own folder is not touched.

    Returns:
        The results of the dry run.

    Raises:
        UserError: for all problems that the user can fix.
    """
    task = open_task(experiment.replace({"max_minutes": None}))
    task = task.replace(_without_files(task))
    task = task.replace(task.resolve())
    steps = task.experiment.run.steps
    warning = steps and average_warning(task.experiment.method, steps)
    if warning:
        print(warning, flush=True)
    with tempfile.TemporaryDirectory(prefix="mixdmt-dry-run-") as folder:
        path = pathlib.Path(folder)
        task = task.small(path)
        run = dataclasses.replace(
            task.experiment.run,
            workdir=str(path / "run"),
            eval_every=1,
            checkpoint_every=1,
            log_every=1,
            report=False,
            data_service="",  # whose workers don't see the temporary folder
        )
        if task.experiment.in_rounds:
            return _in_rounds(
                task.replace(dataclasses.replace(task.experiment, run=run))
            )
        for few in (1, 2):  # the second time it resumes from the checkpoint
            keras.backend.clear_session()
            now = dataclasses.replace(run, steps=few)
            results = fit.train(
                dataclasses.replace(task.experiment, run=now), task.source
            )
    return results


def _without_files(task: Task) -> Experiment:
    """Drops files that belong to the whole data set, after checking them.

    Only methods in rounds learn from pseudo labels; others reject them by themselves.
    """
    experiment = task.experiment
    if experiment.method_class().loop != "rounds":
        return experiment
    run, data, method = experiment.run, experiment.data, experiment.method
    if data.pseudo_labels:
        path = expanded(data.pseudo_labels)
        pseudo = task.read_pseudo_labels(path, choose_split(task))
        transfer.require_labels_of_same_network(pseudo, experiment)
        method = dataclasses.replace(
            method, rounds=1, models=1, difference_share=None, select_on="last"
        )
        if run.init_from:
            folder = expanded(run.init_from)
            transfer.require_same_network(folder, experiment)
        data = dataclasses.replace(data, pseudo_labels="")
    else:
        split = choose_split(task)
        if run.init_from:
            require_base(task, split)
        require_fitting(experiment, split)
    run = dataclasses.replace(run, steps=None, init_from="", compare_supervised=False)
    return dataclasses.replace(experiment, run=run, data=data, method=method)


def _in_rounds(task: Task) -> Dict[str, Any]:
    """Runs the rounds with one step per stage, then resumes them for another step."""
    experiment = task.experiment
    number = min(experiment.method.rounds, ROUNDS)
    changes = {"rounds": number, "fractions": "", "base_steps": 2, "round_steps": 2}
    if hasattr(experiment.method, "keep_pseudo_labels"):
        # A resumed round keeps the pseudo labels that it started with.
        changes["keep_pseudo_labels"] = True
    method = dataclasses.replace(experiment.method, **changes)
    run = runtime.resolve(experiment.run, experiment.network, method)
    experiment = dataclasses.replace(experiment, run=run, method=method)
    path = pathlib.Path(run.workdir)

    def first_step(stage: Experiment, source: Any, _: Any) -> Dict[str, Any]:
        short = dataclasses.replace(stage.run, steps=1)
        return fit.train(dataclasses.replace(stage, run=short), source)

    with RunFolder(path, experiment), Interrupts():
        runtime.start(run)
        Loop(task.replace(experiment), path, first_step).complete()
    keras.backend.clear_session()
    return fit.train(experiment, task.source)
