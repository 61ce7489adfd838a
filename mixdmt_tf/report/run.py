"""What a page is told of a run: its settings, results and evaluations."""

from __future__ import annotations

import dataclasses
import pathlib
import shlex
from typing import Any, List, Mapping

from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.rows import Row
from mixdmt_tf.settings import assumed, settings_of, to_text

# Names of a run's place on this machine; a run that repeats it has another one.
_LINE = 64  # characters
_PLACES = ("workdir", "algorithm", "dataset", "network")


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """A run that a page is about.

    Attributes:
        name: what it is called on the page, unlike all others there.
        folder: its run folder.
        experiment: its settings.
        results: what `results.json` holds, or would hold if it ended now.
        rows: its evaluations, ascending by step.
        finished: whether it has ended.
    """

    name: str
    folder: pathlib.Path
    experiment: Experiment
    results: Mapping[str, Any]
    rows: List[Row]
    finished: bool = True

    @property
    def measure(self) -> str:
        """What counts: 'error' or 'miou'."""
        return "error" if self.experiment.task == "classification" else "miou"


def command(experiment: Experiment) -> str:
    """The command line that repeats a run in a folder of its own.

    It has every setting that is not what the method, the data set and the declared
    defaults make of it.
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
    for _, config in experiment.groups:
        for each in settings_of(type(config)):
            if each.name in _PLACES:
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
