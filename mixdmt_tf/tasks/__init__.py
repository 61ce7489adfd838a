"""What differs between image classification and semantic segmentation.

Each task is one class that has the methods of `mixdmt_tf.runs.task.Task`.
"""

from __future__ import annotations

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
