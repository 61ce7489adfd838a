"""Stages of a run in rounds: folders, lengths, splits and settings of each."""

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
    """Fills in the number of rounds and divides `steps` among the stages.

    Raises:
        UsageError: if the given lengths of the stages contradict `steps`.
    """
    found = plan.stage_lengths(experiment.run.steps, vars(experiment.method))
    run = dataclasses.replace(experiment.run, steps=None)
    method = dataclasses.replace(experiment.method, **found)
    return dataclasses.replace(experiment, run=run, method=method)


def of_run(task: Task, path: pathlib.Path, split: Split) -> Stages:
    """Builds the stages of a run in rounds.

    Args:
        task: task of the run; its settings include the number of rounds.
        path: the run's folder.
        split: the run's split.
    """
    method = task.experiment.method
    shares = plan.fractions(method.fractions, method.rounds)
    planned = plan.stages(shares, method.models, method.restart)
    return Stages(task.experiment, path, split, task.rounds(path, split), planned)


def base_method(experiment: Experiment) -> str:
    """Returns the base models' method: the `base` setting, or the method's default."""
    own = experiment.method_class().base_method
    return str(getattr(experiment.method, "base", own))


@dataclasses.dataclass(frozen=True, eq=False)
class Stages:
    """The training runs that a run in rounds consists of.

    Attributes:
        experiment: settings of the whole run.
        path: the run's folder.
        split: the run's split.
        hooks: hooks of the task.
        all: all stages, in the order in which they are trained.
    """

    experiment: Experiment
    path: pathlib.Path
    split: Split
    hooks: Hooks
    all: Tuple[plan.Stage, ...]

    def folder(self, name: str) -> pathlib.Path:
        """Returns the run folder of a stage; for a given base model, `init_from`."""
        given = self.experiment.run.init_from
        if given and name == self.all[0].name:
            return expanded(given)
        return self.path / name

    @property
    def snapshot(self) -> str:
        """The checkpoint of a stage that labels and is the result: 'last' or 'best'."""
        return self.experiment.snapshot

    @property
    def bases(self) -> Tuple[plan.Stage, ...]:
        """The base models."""
        return tuple(each for each in self.all if not each.teacher)

    @property
    def of_last_round(self) -> Tuple[plan.Stage, ...]:
        """The stages of the last round; model A comes last."""
        return tuple(each for each in self.all if each.round == self.all[-1].round)

    def teachers(self, stage: plan.Stage) -> List[plan.Stage]:
        """Returns the teacher of a stage, the teacher's teacher, and so on."""
        by_name = {each.name: each for each in self.all}
        found = []
        while stage.teacher:
            stage = by_name[stage.teacher]
            found.append(stage)
        return found

    def is_finished(self, stage: plan.Stage) -> bool:
        """Whether the training of a stage is complete."""
        folder = self.folder(stage.name)
        given = folder != self.path / stage.name
        if given:
            return read_results(folder) is not None
        return finished.is_finished(folder, self.steps(stage), self.snapshot)

    def lost(self, stage: plan.Stage) -> Optional[int]:
        """Prepares a stage with a lost checkpoint for being trained again.

        Returns:
            The step of the final or best checkpoint that is missing or damaged; None if
            no such checkpoint was lost.
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
        """Returns the number of training steps of a stage."""
        method = self.experiment.method
        if stage.teacher:
            return method.round_steps or self.hooks.round_steps(stage)
        part = len(self.base_split(stage).labeled)
        return method.base_steps or self.hooks.base_steps(part)

    def seed(self, stage: plan.Stage) -> int:
        """Returns the run's seed for the first stage, a unique one for each other."""
        seed = self.experiment.run.seed
        if stage == self.all[0]:
            return seed
        return draws.purpose_key(seed, f"stage {stage.name}")[0]

    def base_split(self, stage: plan.Stage) -> Split:
        """Returns the split of a base model.

        It has all labels, or with `difference_share` this model's part of them (Eq.
        11).
        """
        method = self.experiment.method
        if method.models == 1 or method.difference_share is None:
            return self.split
        parts = self.hooks.parts_of_labels(method.difference_share)
        return dataclasses.replace(self.split, labeled=parts["ab".index(stage.model)])

    def of_model(self, stage: plan.Stage) -> Experiment:
        """Returns the run's settings with the network of a stage's model."""
        network = self.experiment.network
        if stage.model == "b":
            network = network.second()
        return dataclasses.replace(self.experiment, network=network)

    def settings(self, stage: plan.Stage) -> Experiment:
        """Returns all settings of a stage's run."""
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
        """Returns the settings of a base model, which is trained by another method."""
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
