"""From a stage of a run in rounds to the settings of its training run."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import List, Optional, Tuple

from mixdmt_tf.data import draws
from mixdmt_tf.data.splits import Split, write_split
from mixdmt_tf.files import expanded
from mixdmt_tf.rounds import plan
from mixdmt_tf.rounds.hooks import Hooks
from mixdmt_tf.runs import finished, repair
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.run_folder import read_results
from mixdmt_tf.runs.task import Task


def divided(experiment: Experiment) -> Experiment:
    """A run in rounds with the number of its rounds, and `steps` divided among stages.

    Raises:
        UsageError: if its stages have other lengths already.
    """
    found = plan.stage_lengths(experiment.run.steps, vars(experiment.method))
    run = dataclasses.replace(experiment.run, steps=None)
    method = dataclasses.replace(experiment.method, **found)
    return dataclasses.replace(experiment, run=run, method=method)


def of_run(task: Task, path: pathlib.Path, split: Split) -> Stages:
    """The stages of a run in rounds.

    Args:
        task: of its experiment, with the number of its rounds.
        path: its folder.
        split: its.
    """
    method = task.experiment.method
    shares = plan.fractions(method.fractions, method.rounds)
    planned = plan.stages(shares, method.models, method.restart)
    return Stages(task.experiment, path, split, task.rounds(path, split), planned)


def base_method(experiment: Experiment) -> str:
    """The method of the base models: that of the method, unless settings name one."""
    own = experiment.method_class().base_method
    return str(getattr(experiment.method, "base", own))


@dataclasses.dataclass(frozen=True, eq=False)
class Stages:
    """The training runs that a run in rounds is made of.

    Attributes:
        experiment: of the whole.
        path: the run's folder.
        split: the run's.
        hooks: of the task.
        all: in the order in which they are trained.
    """

    experiment: Experiment
    path: pathlib.Path
    split: Split
    hooks: Hooks
    all: Tuple[plan.Stage, ...]

    def folder(self, name: str) -> pathlib.Path:
        """The run folder of a stage; `init_from` names that of the base model."""
        given = self.experiment.run.init_from
        if given and name == self.all[0].name:
            return expanded(given)
        return self.path / name

    @property
    def snapshot(self) -> str:
        """Which checkpoint of a stage labels and is the result: 'last' or 'best'."""
        return self.experiment.snapshot

    @property
    def bases(self) -> Tuple[plan.Stage, ...]:
        """The base models."""
        return tuple(each for each in self.all if not each.teacher)

    @property
    def of_last_round(self) -> Tuple[plan.Stage, ...]:
        """The stages of the last round; the last of them is model A's."""
        return tuple(each for each in self.all if each.round == self.all[-1].round)

    def teachers(self, stage: plan.Stage) -> List[plan.Stage]:
        """Who labels for a stage, who did for that one, and so on to the base model."""
        by_name = {each.name: each for each in self.all}
        found = []
        while stage.teacher:
            stage = by_name[stage.teacher]
            found.append(stage)
        return found

    def is_finished(self, stage: plan.Stage) -> bool:
        """Whether there is nothing left to train of a stage."""
        folder = self.folder(stage.name)
        given = folder != self.path / stage.name
        if given:
            return read_results(folder) is not None
        return finished.is_finished(folder, self.steps(stage), self.snapshot)

    def lost(self, stage: plan.Stage) -> Optional[int]:
        """Makes way for the training of a stage whose checkpoints are damaged.

        Returns:
            The step of the checkpoint that is missing or damaged of a stage that had
            ended, or was best; None if there is none.
        """
        folder = self.folder(stage.name)
        best = finished.go_back(folder, self.snapshot)
        if best is not None or repair.damaged(folder):
            return best
        last = finished.last_step(folder)
        return None if last is None or finished.is_whole(folder, last) else last

    def is_newest(self, stage: plan.Stage) -> bool:
        """Whether the next stage is not trained yet."""
        place = self.all.index(stage) + 1
        return place == len(self.all) or not self.is_finished(self.all[place])

    def steps(self, stage: plan.Stage) -> int:
        """Length of a stage."""
        method = self.experiment.method
        if stage.teacher:
            return method.round_steps or self.hooks.round_steps(stage)
        part = len(self.base_split(stage).labeled)
        return method.base_steps or self.hooks.base_steps(part)

    def seed(self, stage: plan.Stage) -> int:
        """The run's seed for the first stage, one that nobody else has for others."""
        seed = self.experiment.run.seed
        if stage == self.all[0]:
            return seed
        return draws.purpose_key(seed, f"stage {stage.name}")[0]

    def base_split(self, stage: plan.Stage) -> Split:
        """All labels, or with `difference_share` this model's part of them (Eq. 11)."""
        method = self.experiment.method
        if method.models == 1 or method.difference_share is None:
            return self.split
        parts = self.hooks.parts_of_labels(method.difference_share)
        return dataclasses.replace(self.split, labeled=parts["ab".index(stage.model)])

    def of_model(self, stage: plan.Stage) -> Experiment:
        """The run's settings with the network of a stage's model."""
        network = self.experiment.network
        if stage.model == "b":
            network = network.second()
        return dataclasses.replace(self.experiment, network=network)

    def settings(self, stage: plan.Stage) -> Experiment:
        """All settings of a stage's run."""
        run = dataclasses.replace(
            self.experiment.run,
            workdir=str(self.path / stage.name),
            steps=self.steps(stage),
            seed=self.seed(stage),
            init_from=str(self.folder(stage.start)) if stage.start else "",
            compare_supervised=False,
            export=False,
            report=False,
        )
        data = dataclasses.replace(
            self.experiment.data, split=str(self.path / "split.json")
        )
        experiment = dataclasses.replace(self.of_model(stage), run=run, data=data)
        experiment = experiment.replace(self.hooks.found())
        if stage.teacher:
            labels = str(self.hooks.labels_place(stage))
            data = dataclasses.replace(data, pseudo_labels=labels)
            return dataclasses.replace(experiment, data=data)
        return self._base(experiment, stage)

    def _base(self, experiment: Experiment, stage: plan.Stage) -> Experiment:
        """Settings of a base model: another method, from labels alone."""
        data, method = experiment.data, experiment.method
        own = self.base_split(stage)
        if own is not self.split:
            file = self.path / f"split_{stage.model}.json"
            write_split(file, own)
            data = dataclasses.replace(data, split=str(file))
        name = base_method(experiment)
        config = experiment.method_class(name).config_class
        shared = {}
        for field in dataclasses.fields(config):
            for given in (field.name, f"base_{field.name}"):
                if hasattr(method, given):
                    shared[field.name] = getattr(method, given)
        run = dataclasses.replace(
            experiment.run, algorithm=name, batch=method.base_batch
        )
        return dataclasses.replace(
            experiment, run=run, data=data, method=config(**shared)
        )
