"""From settings to a trained, scored and exported model."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any, Dict, Iterable, Optional

import keras

from mixdmt_tf import addresses, digests, remote
from mixdmt_tf.algorithms import base
from mixdmt_tf.rounds.loop import Loop
from mixdmt_tf.runs import (
    data_service,
    finished,
    memory,
    precision,
    runtime,
    splits,
)
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.interrupts import Interrupts
from mixdmt_tf.runs.pace import Pace
from mixdmt_tf.runs.run_folder import (
    RunFolder,
    as_started,
    default_path,
    is_begun,
    read_results,
)
from mixdmt_tf.runs.session import Session
from mixdmt_tf.runs.task import Task
from mixdmt_tf.runs.warnings import images_per_step
from mixdmt_tf.tasks import budget, open_task, reporting


def train(
    experiment: Experiment,
    source: Optional[Any] = None,
    pace: Optional[Pace] = None,
) -> Dict[str, Any]:
    """Trains, or resumes training, in the experiment's run folder.

    Args:
        experiment: all settings.
        source: the data set; loaded as the settings say if not given.
        pace: notes how long the steps of a run without rounds take.

    Returns:
        What `results.json` holds.

    Raises:
        UserError: for everything that the user can put right.
        Interrupted: after a signal; the same call resumes.
    """
    with remote.opened(experiment.run.workdir or default_path(experiment)) as path:
        return _train(experiment, path, source, pace)


def _train(
    experiment: Experiment,
    path: pathlib.Path,
    source: Optional[Any],
    pace: Optional[Pace],
) -> Dict[str, Any]:
    """As `train`, in a local folder."""
    workers = runtime.join(experiment.run)
    data_service.require_somebody(experiment.run.data_service)
    task = open_task(as_started(path, experiment), source)
    begun = is_begun(path, task.experiment)
    if not begun and budget.is_asked_for(task.experiment):
        # Steps are timed in the precision that they will be made in.
        chosen = _precision(task.replace(task.resolve()))
        task = task.replace(task.experiment.replace({"precision": chosen}))
        task = task.replace(budget.within_minutes(task, train))
    given, left_open = task, task.experiment.left_open()
    timed = not begun and workers.number == 1 and budget.is_open(task.experiment)
    task = task.replace(task.resolve())
    experiment = task.experiment
    run = dataclasses.replace(experiment.run, precision=_precision(task))
    run = runtime.resolve(run, experiment.network, experiment.method)
    if not addresses.is_address(run.workdir):
        run = dataclasses.replace(run, workdir=str(path))
    task = task.replace(dataclasses.replace(experiment, run=run))
    with RunFolder(path, task.experiment), Interrupts() as interrupts:
        method = task.experiment.method_class()
        recipe = method.recipe(task.experiment.method)
        needed = memory.require(task, recipe.images_per_label)
        words = _by_length(task.experiment, left_open)
        print(f"{splits.note(task)}{words}{needed}", flush=True)
        measured = budget.measured(task, train) if timed else None
        strategy = runtime.start(run)
        loop = Loop(task, path, train, workers) if task.experiment.in_rounds else None
        if measured:
            print(budget.forecast(given, task.experiment, measured, loop), flush=True)
        if loop:
            outcome = loop.complete()
        else:
            compared = run.compare_supervised and run.algorithm != "supervised"
            pace = pace or Pace(later=run.steps * run.batch if compared else 0)
            session = Session(task, path, strategy, workers, interrupts, pace)
            outcome = session.complete()
            if compared:
                outcome.update(_supervised(task, path))
                digests.write(path / "results.json", json.dumps(outcome, indent=1))
        if run.report:
            keras.backend.clear_session()
            reporting.after_training(task, path)
    return outcome


def _precision(task: Task) -> str:
    """The run's precision: given, or what is fastest for a run of its length."""
    experiment, run = task.experiment, task.experiment.run
    if run.precision != "auto":
        return run.precision
    steps, minutes = run.steps, run.max_minutes
    if experiment.in_rounds:
        method = experiment.method
        lengths = [method.base_steps, method.round_steps]
        steps = None  # or in epochs, of long runs
        if None not in lengths:
            steps = lengths[0] + method.rounds * lengths[1]
    each = images_per_step(experiment)
    usual = precision.suggested(experiment.network, run.deterministic)
    if minutes is not None and minutes < precision.MINUTES:
        return usual
    inexact = run.deterministic and precision.inexact(experiment.network)
    if inexact or len(precision.candidates()) == 1:
        return usual
    if steps is not None:
        images = steps * each
        # Of so few there is no need to look, for which data have to be loaded.
        if images < precision.LONG or not precision.is_worth_it(images, _pixels(task)):
            return usual
    memory.require(task, each // run.batch)
    return precision.measured(memory.network_key(task), task.network)


def _pixels(task: Task) -> int:
    """Of an image as the network has it."""
    facts, experiment = task.model_facts(), task.experiment
    size = facts.get("network_size")
    height, width = (size, size) if size else facts["image_shape"][:2]
    if height is None:  # of segmentation
        height, width = experiment.data.crop_size or task.source.crop
    return int(height * width)


def _by_length(experiment: Experiment, left_open: Iterable[str]) -> str:
    """A line that says what follows from the run's length; '' if nothing does."""
    flags = experiment.to_flags()
    found = [f"--{k}={flags[k]}" for k in left_open if flags[k] != "none"]
    return f"for this length of the run: {' '.join(found)}\n" if found else ""


def _supervised(task: Task, path: pathlib.Path) -> Dict[str, Any]:
    """Trains on the labels alone, everything else being equal; its scores."""
    experiment = task.experiment
    alone = path / "supervised"
    baseline = None
    if finished.is_finished(alone, experiment.run.steps):
        baseline = read_results(alone)
    if not baseline:
        print("the same labels and steps without unlabelled images:", flush=True)
        keras.backend.clear_session()
        config = experiment.method_class("supervised").config_class
        shared = {
            field.name: getattr(experiment.method, field.name)
            for field in dataclasses.fields(base.Config)
        }
        run = dataclasses.replace(
            experiment.run,
            workdir=str(alone),
            algorithm="supervised",
            compare_supervised=False,
            report=False,
        )
        split = str(path / "split.json")
        data = dataclasses.replace(experiment.data, split=split, pseudo_labels="")
        baseline = train(
            dataclasses.replace(
                experiment, run=run, data=data, method=config(**shared)
            ),
            task.source,
        )
    name = task.measure
    found = {
        f"supervised_{name}{suffix}": baseline[f"test_{name}{suffix}"]
        for suffix in ("", "_raw")
    }
    if found[f"supervised_{name}"] is None:  # no test images
        for suffix in ("", "_raw"):
            score = baseline.get(f"validation_{name}{suffix}")
            found[f"supervised_validation_{name}{suffix}"] = score
    return found
