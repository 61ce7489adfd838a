"""A run as the report sees it: settings, results and evaluations."""

from __future__ import annotations

import dataclasses
import pathlib
import shlex
from typing import Any, List, Mapping

from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.rows import Row
from mixdmt_tf.settings import assumed, settings_of, to_text

_LINE = 64  # characters
# Settings that `command` writes separately.
_PLACES = ("workdir", "algorithm", "dataset", "network")


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """A run that is shown on a page.

    Attributes:
        name: name of the run, unique on the page.
        folder: the run folder.
        experiment: the settings.
        results: content of `results.json`, or what it would be if the run ended now.
        rows: the evaluations, ascending by step.
        finished: whether the run has ended.
    """

    name: str
    folder: pathlib.Path
    experiment: Experiment
    results: Mapping[str, Any]
    rows: List[Row]
    finished: bool = True

    @property
    def measure(self) -> str:
        """The main metric: 'error' or 'miou'."""
        return "error" if self.experiment.task == "classification" else "miou"


def command(experiment: Experiment) -> str:
    """Returns the command line that repeats a run in a new folder.

    It has every setting that differs from the defaults: those declared, as changed by
    the method and the data set.
    """
    run, data = experiment.run, experiment.data
    brought = assumed(
        f"mixdmt_tf.algorithms.{experiment.task}.{run.algorithm}",
        f"mixdmt_tf.data.{experiment.task}.datasets.{data.dataset}",
    )
    words = [
        "bin/train",
        f"--algorithm={run.algorithm}",
        f"--dataset={data.dataset}",
        f"--network={run.network}",
    ]
    # Lengths that were found for the minutes; both together would be refused.
    method = experiment.method
    found = run.steps is not None or getattr(method, "base_steps", None) is not None
    for _, config in experiment.groups:
        for each in settings_of(type(config)):
            if each.name in _PLACES or (each.name == "max_minutes" and found):
                continue
            text = to_text(getattr(config, each.name))
            if text != to_text(brought.get(each.name, each.default)):
                words.append(f"--{each.name}={text}")
    words.append(f"--workdir={run.workdir}_again")
    lines = [words[0]]
    for word in map(shlex.quote, words[1:]):
        if len(lines[-1]) + len(word) < _LINE:
            lines[-1] += f" {word}"
        else:
            lines.append(f"    {word}")
    return " \\\n".join(lines)
