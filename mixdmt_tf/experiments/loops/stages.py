"""From a stage of a loop to the settings of its run."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, Tuple

import numpy as np

from mixdmt_tf.data import draws, splits
from mixdmt_tf.data.splits import Split
from mixdmt_tf.equations import difference_maximized
from mixdmt_tf.experiments import labeling
from mixdmt_tf.experiments.experiment import Experiment
from mixdmt_tf.experiments.loops import plan


@dataclasses.dataclass(frozen=True, eq=False)
class Stages:
    """The runs that a run in rounds is made of.

    Attributes:
        experiment: of the whole.
        path: the run's folder.
        split: the run's.
        all: in the order in which they are trained.
    """

    experiment: Experiment
    path: pathlib.Path
    split: Split
    all: Tuple[plan.Stage, ...]

    def folder(self, name: str) -> pathlib.Path:
        """The run folder of a stage; `init_from` names that of the base model."""
        given = self.experiment.run.init_from
        if given and name == self.all[0].name:
            return pathlib.Path(given).expanduser()
        return self.path / name

    @property
    def snapshot(self) -> str:
        """Which checkpoint of a stage labels and is the result: 'last' or 'best'."""
        return getattr(self.experiment.method, "snapshot", "last")

    def labels_file(self, stage: plan.Stage) -> pathlib.Path:
        """Where the pseudo labels are that a stage learns from."""
        return self.path / "pseudo_labels" / f"{stage.name}.npz"

    def steps(self, stage: plan.Stage) -> int:
        """Length of a stage."""
        method, split = self.experiment.method, self.split
        if not stage.teacher:
            images = sum(map(len, (split.labeled, split.unlabeled, split.validation)))
            part = len(self.base_split(stage).labeled)
            return method.base_steps or plan.base_steps(
                method.base_epochs, images, len(split.labeled), method.base_batch, part
            )
        rows = self.experiment.run.batch * method.unlabeled_ratio
        return method.round_steps or plan.round_steps(
            method.round_epochs, self.pseudo_labels(stage), rows
        )

    def pseudo_labels(self, stage: plan.Stage) -> int:
        """How many a round learns from."""
        count = labeling.COUNTS[self.experiment.method.count]
        return count(len(self.split.unlabeled), stage.fraction)

    def network(self, stage: plan.Stage) -> Any:
        """The settings of a stage's network."""
        return self.experiment.network

    def seed(self, stage: plan.Stage) -> int:
        """The run's seed for the first stage, one that nobody else has for others."""
        seed = self.experiment.run.seed
        if stage == self.all[0]:
            return seed
        return draws.purpose_key(seed, f"stage {stage.name}")[0]

    def base_split(self, stage: plan.Stage) -> Split:
        """All labels, or with `difference_share` this model's part of them (Eq. 11)."""
        method = self.experiment.method
        share = method.difference_share
        if method.models == 1 or share is None:
            return self.split
        rng = np.random.default_rng(
            draws.purpose_key(self.split.seed, "difference maximized sampling")
        )
        parts = difference_maximized(rng.permutation(self.split.labeled), share)
        return dataclasses.replace(self.split, labeled=parts["ab".index(stage.model)])

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
        )
        data = dataclasses.replace(
            self.experiment.data, split=str(self.path / "split.json")
        )
        network = self.network(stage)
        if stage.teacher:
            labels = str(self.labels_file(stage))
            data = dataclasses.replace(data, pseudo_labels=labels)
            return dataclasses.replace(
                self.experiment, run=run, data=data, network=network
            )
        own = self.base_split(stage)
        if own is not self.split:
            file = self.path / f"split_{stage.model}.json"
            splits.write_split(file, own)
            data = dataclasses.replace(data, split=str(file))
        method = self.experiment.method
        name = self.experiment.find_algorithm().Method.base_method
        config = self.experiment.find_algorithm(name).Config
        shared = {
            field.name: getattr(method, field.name)
            for field in dataclasses.fields(config)
            if hasattr(method, field.name)
        }
        shared["learning_rate"] = method.base_learning_rate
        run = dataclasses.replace(run, algorithm=name, batch=method.base_batch)
        return dataclasses.replace(
            self.experiment,
            run=run,
            data=data,
            network=network,
            method=config(**shared),
        )
