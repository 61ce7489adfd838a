"""What differs between image classification and semantic segmentation.

Each task is one class that has the methods of `mixdmt_tf.runs.task.Task`.
"""

from __future__ import annotations

import dataclasses
import importlib
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:  # these import TensorFlow
    from mixdmt_tf.runs.experiment import Experiment
    from mixdmt_tf.runs.task import Task


def open_task(experiment: Experiment, source: Optional[Any] = None) -> Task:
    """The task of an experiment; its data set says which one it is.

    Args:
        experiment: all settings.
        source: the data set, loaded when it is needed if not given.
    """
    module = importlib.import_module(f"{__name__}.{experiment.task}.task")
    task: Task = getattr(module, experiment.task.capitalize())(experiment, source)
    return task


def open_run(experiment: Experiment, data_dir: str = "") -> Task:
    """The task of a run that was trained, whose data may have moved since.

    Args:
        experiment: all settings of the run.
        data_dir: where the data are, '' if where they were in training.
    """
    if data_dir:
        data = dataclasses.replace(experiment.data, data_dir=data_dir)
        experiment = dataclasses.replace(experiment, data=data)
    return open_task(experiment)


def commands(experiment: Experiment) -> Any:
    """The module of what commands do with a trained run of this task."""
    return importlib.import_module(f"{__name__}.{experiment.task}.commands")
