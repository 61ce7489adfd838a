"""Scorers of whole runs, built and traced once in a process for equal settings."""

from __future__ import annotations

import contextlib
from typing import Any, Dict, Iterator
from unittest import mock

_kept: Dict[Any, Any] = {}


@contextlib.contextmanager
def kept(task_class: type) -> Iterator[None]:
    """Within it, runs of this task whose networks are alike score with the same one.

    A scorer is given weights whenever it scores: it keeps nothing of a run.
    """
    made = task_class.scorer

    def scorer(task: Any) -> Any:
        experiment = task.experiment
        key = (task_class, repr(experiment.network), repr(task.model_facts()))
        if key not in _kept:
            _kept[key] = made(task)
        return _kept[key]

    with mock.patch.object(task_class, "scorer", scorer):
        yield
