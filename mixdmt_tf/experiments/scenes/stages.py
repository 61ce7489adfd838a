"""From a stage of a loop on scenes to the settings of its run."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

from mixdmt_tf.data.scenes import splits
from mixdmt_tf.data.splits import Split
from mixdmt_tf.experiments.loops import plan
from mixdmt_tf.experiments.loops.stages import Stages
from mixdmt_tf.experiments.scenes import preparation


@dataclasses.dataclass(frozen=True, eq=False)
class SceneStages(Stages):
    """The runs that a run in rounds on scenes is made of."""

    def labels_file(self, stage: plan.Stage) -> pathlib.Path:
        """The folder of the pseudo labels that a stage learns from."""
        return self.path / "pseudo_labels" / stage.name

    def steps(self, stage: plan.Stage) -> int:
        """Length of a stage."""
        method = self.experiment.method
        if not stage.teacher:
            part = len(self.base_split(stage).labeled)
            return method.base_steps or preparation.base_steps(
                method.base_epochs, self.split, method.base_batch, part
            )
        rows = self.experiment.run.batch * method.unlabeled_ratio
        return method.round_steps or preparation.round_steps(
            method.round_epochs, len(self.split.unlabeled), rows
        )

    def base_split(self, stage: plan.Stage) -> Split:
        """All labels, or with `difference_share` this model's part of them (Eq. 11)."""
        method = self.experiment.method
        if method.models == 1 or method.difference_share is None:
            return self.split
        parts = splits.subsets(self.split, method.difference_share)
        return dataclasses.replace(self.split, labeled=parts["ab".index(stage.model)])

    def network(self, stage: plan.Stage) -> Any:
        """The settings of a stage's network; those of model B may be others."""
        config = self.experiment.network
        if stage.model == "b" and hasattr(config, "second"):
            return config.second()
        return config
