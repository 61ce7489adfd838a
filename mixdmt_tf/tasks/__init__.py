"""The tasks: image classification and semantic segmentation.

Each task is a class with the methods of `mixdmt_tf.runs.task.Task`.
"""

from __future__ import annotations

import dataclasses
import importlib
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:  # these import TensorFlow
    from mixdmt_tf.runs.experiment import Experiment
    from mixdmt_tf.runs.task import Task


def open_task(experiment: Experiment, source: Optional[Any] = None) -> Task:
    """Returns the task of an experiment, as determined by its data set.

    Args:
        experiment: all settings.
        source: the data set; by default it is loaded when it is needed.
    """
    module = importlib.import_module(f"{__name__}.{experiment.task}.task")
    task: Task = getattr(module, experiment.task.capitalize())(experiment, source)
    return task


def open_run(experiment: Experiment, data_dir: str = "") -> Task:
    """Returns the task of a trained run, whose data may have moved since.

    Args:
        experiment: all settings of the run.
        data_dir: where the data are now; '' if they have not moved.
    """
    if data_dir:
        data = dataclasses.replace(experiment.data, data_dir=data_dir)
        experiment = dataclasses.replace(experiment, data=data)
    return open_task(experiment)


def commands(experiment: Experiment) -> Any:
    """Returns the module with this task's part of commands on trained runs."""
    return importlib.import_module(f"{__name__}.{experiment.task}.commands")
