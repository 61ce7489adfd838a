"""From settings to a trained, scored and exported model."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any, Dict, Optional

import keras

from mixdmt_tf.algorithms import base
from mixdmt_tf.data.classification import datasets as sources
from mixdmt_tf.data.segmentation import datasets as scenes
from mixdmt_tf.files import write_atomically
from mixdmt_tf.rounds.loop import Train
from mixdmt_tf.runs import runtime
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.interrupts import Interrupts
from mixdmt_tf.runs.run_folder import RunFolder, default_path, read_results
from mixdmt_tf.tasks.classification import preparation, rounds
from mixdmt_tf.tasks.classification.preparation import AnySource
from mixdmt_tf.tasks.classification.task import TrainingRun
from mixdmt_tf.tasks.segmentation import preparation as scene_preparation
from mixdmt_tf.tasks.segmentation import rounds as scene_loop
from mixdmt_tf.tasks.segmentation.task import SceneRun


def train(experiment: Experiment, source: Optional[AnySource] = None) -> Dict[str, Any]:
    """Trains, or goes on training, in the experiment's run folder.

    Args:
        experiment: all settings.
        source: the data set; loaded as the settings say if not given.

    Returns:
        What `results.json` holds.

    Raises:
        UserError: for everything that the user can put right.
        Interrupted: after a signal; the same call goes on.
    """
    experiment = preparation.resolve(experiment)
    if experiment.scenes:  # only opened: their pictures are read when they are needed
        source = source or scenes.load(experiment.data)
        experiment = scene_preparation.resolve(experiment, source)
    run = runtime.resolve(experiment.run)
    path = pathlib.Path(run.workdir or default_path(experiment)).expanduser()
    experiment = dataclasses.replace(
        experiment, run=dataclasses.replace(run, workdir=str(path))
    )
    with RunFolder(path, experiment), Interrupts() as interrupts:
        strategy = runtime.start(experiment.run)
        source = source or sources.load(experiment.data)
        if preparation.in_rounds(experiment):
            return complete_rounds(experiment, path, source, train)
        one_run = SceneRun if experiment.scenes else TrainingRun
        outcome = one_run(experiment, path, source, strategy, interrupts).complete()
        if experiment.run.compare_supervised and experiment.algorithm != "supervised":
            outcome.update(_supervised(experiment, path, source))
            write_atomically(path / "results.json", json.dumps(outcome, indent=1))
    return outcome


def complete_rounds(
    experiment: Experiment, path: pathlib.Path, source: AnySource, train: Train
) -> Dict[str, Any]:
    """Does what is missing of a run in rounds; as `loops.rounds.complete`."""
    loop = scene_loop if experiment.scenes else rounds
    return loop.complete(experiment, path, source, train)


def _supervised(experiment: Experiment, path: pathlib.Path, source: AnySource):
    """Trains on the labels alone, everything else being equal; its errors."""
    known = read_results(path / "supervised")
    if known and known["steps"] == experiment.run.steps:
        baseline = known
    else:
        print("the same labels and steps without unlabelled images:", flush=True)
        keras.backend.clear_session()
        config = experiment.find_algorithm("supervised").Config
        shared = {
            field.name: getattr(experiment.method, field.name)
            for field in dataclasses.fields(base.Config)
        }
        run = dataclasses.replace(experiment.run, workdir=str(path / "supervised"))
        split = str(path / "split.json")
        data = dataclasses.replace(experiment.data, split=split, pseudo_labels="")
        baseline = train(
            dataclasses.replace(
                experiment,
                run=dataclasses.replace(
                    run, algorithm="supervised", compare_supervised=False
                ),
                data=data,
                method=config(**shared),
            ),
            source,
        )
    measure = "miou" if experiment.scenes else "error"
    return {
        f"supervised_{measure}": baseline[f"test_{measure}"],
        f"supervised_{measure}_raw": baseline[f"test_{measure}_raw"],
    }
