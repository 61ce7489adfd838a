"""Rounds of pseudo labels on scenes: DMT's outer loop for segmentation.

Dynamic Mutual Training (arXiv:2004.08514), algorithm 2. In each round B learns from
what A says and A from what B said, both of the round before. The better one on the
validation scenes is the result, unless an earlier stage was better beyond chance.

    RUN/base_a/, RUN/base_b/      base models, runs of `supervised`
    RUN/pseudo_labels/round_1_b/  what base_a says of the unlabelled scenes, for B
    RUN/round_1_b/                B going on with it, and so on
    RUN/pictures/                 pseudo labels and weights of some scenes, each round
    RUN/rounds.csv, results.json  what came of each round
    RUN/checkpoints/, export/     the resulting network, as of any run
"""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
from typing import Any, Dict

import numpy as np

from mixdmt_tf.data.scenes import pseudo_labels
from mixdmt_tf.data.scenes.source import Scenes
from mixdmt_tf.equations import miou_difference_deviation
from mixdmt_tf.errors import UsageError
from mixdmt_tf.experiments import trained
from mixdmt_tf.experiments.experiment import Experiment
from mixdmt_tf.experiments.log import read_rows
from mixdmt_tf.experiments.loops import plan
from mixdmt_tf.experiments.loops.loop import Loop, Train
from mixdmt_tf.experiments.loops.rounds import require_base
from mixdmt_tf.experiments.progress import Progress
from mixdmt_tf.experiments.scenes import (
    evaluation,
    inspection,
    labeling,
    pictures,
    preparation,
    record,
    results,
)
from mixdmt_tf.experiments.scenes.stages import SceneStages
from mixdmt_tf.files import write_atomically

QUALITY = "quality.json"  # beside pseudo labels: what they were worth


def complete(
    experiment: Experiment, path: pathlib.Path, scenes: Scenes, train: Train
) -> Dict[str, Any]:
    """Does what is missing of a run in rounds; as `loops.rounds.complete`."""
    return SceneLoop(experiment, path, scenes, train).complete()


class SceneLoop(Loop):
    """One run in rounds on scenes."""

    stages_class = SceneStages

    def _check(self) -> None:
        super()._check()
        method = self.experiment.method
        chosen = method.models > 1 and method.select_on == "validation"
        if not self._held_out() and (chosen or self.stages.snapshot == "best"):
            raise UsageError(
                f"{self.source.name} has no validation scenes to choose by.\n"
                "Give it some, or use --select_on=last --snapshot=last."
            )
        if self.experiment.run.init_from:
            require_base(self.experiment, self.split, self.source)

    def _begin(self) -> None:
        """All files are looked at before hours are spent on some of them."""
        preparation.check(self.path, self.source, self.split)
        if self.experiment.run.init_from:  # or it is shown with the base model
            print(preparation.describe(self.split, self.source), flush=True)

    def _train(self, stage: plan.Stage) -> None:
        super()._train(stage)
        if self.stages.snapshot == "best":
            self.results[stage.name] = results.as_of_best(
                self.results[stage.name],
                read_rows(self.stages.folder(stage.name)),
                self.source.class_names,
            )

    def _model(self, name: str, stage: plan.Stage) -> trained.Trained:
        """The network of a finished stage; of one model, that of this stage's."""
        experiment = dataclasses.replace(
            self.experiment, network=self.stages.network(stage)
        )
        folder = self.stages.folder(name)
        return trained.load(experiment, folder, self.stages.snapshot)

    def _label(self, stage: plan.Stage) -> None:
        folder = self.stages.labels_file(stage)
        judged = (folder / QUALITY).exists()
        whole = pseudo_labels.is_whole(folder, self.split)
        if judged and (whole or self._is_finished(stage)):
            return
        method = self.experiment.method
        model = self._model(str(stage.teacher), stage)
        progress = Progress("labelling", "scenes")
        try:
            pseudo = labeling.label(
                model,
                self.source,
                self.split,
                folder,
                stage.fraction,
                method.count,
                method.rank_every,
                self.experiment.run.init_weights,
                progress=progress.update,
            )
        finally:
            progress.close()
        self._judge(stage, pseudo)

    def _judge(self, stage: plan.Stage, pseudo: pseudo_labels.PseudoLabels) -> None:
        """Notes what pseudo labels are worth, and draws some of them."""
        quality = labeling.quality(pseudo, self.source, self.split)
        found = {"scenes": len(self.split.unlabeled), **dataclasses.asdict(quality)}
        student = self._model(stage.start or str(stage.teacher), stage)
        seen = inspection.inspect(student, self.experiment, pseudo, self.source)
        pictures.of_round(self.path, stage.name, seen)
        found["weight_right"], found["weight_wrong"] = (
            (seen.weight_right, seen.weight_wrong) if stage.start else (None, None)
        )
        text = json.dumps(found, indent=1)
        write_atomically(self.stages.labels_file(stage) / QUALITY, text)

    def _record(self, stage: plan.Stage) -> None:
        folder = self.stages.labels_file(stage)
        found = record.of_round(
            stage,
            json.loads((folder / QUALITY).read_text(encoding="utf-8")),
            self.results[stage.name],
            self.stages.folder(stage.name),
        )
        worse = record.warnings(found, self._earlier(stage), self._before(stage))
        self._note(found, worse, results.describe_round(found))
        record.write(self.path, self.rounds)
        mious = self._of_bases("test_miou")
        pictures.write(self.path, self.rounds, mious, self.source, self.split)
        if not self.experiment.method.keep_pseudo_labels:
            for file in folder.glob("*.npz"):
                file.unlink()

    def _held_out(self) -> int:
        return len(self.source.validation)

    def _rank(self, stage: plan.Stage) -> float:
        miou = self.results[stage.name]["validation_miou"]
        return math.inf if miou is None else -float(miou)  # of a base that was given

    def _deviation(self, one: plan.Stage, other: plan.Stage) -> float:
        """By scoring both once more, scene by scene."""
        counts = []
        for stage in (one, other):
            model = self._model(stage.name, stage)
            scenes = self.source.validation
            found = evaluation.confusions(model.scorer, model.averaged, scenes)
            counts.append(np.stack([*found]))
        return miou_difference_deviation(*counts)

    def _summarize(self, final: str) -> Dict[str, Any]:
        bases = [each.name for each in self.stages.all if not each.teacher]
        return record.summarize(
            self.experiment, self.results, self.rounds, self.warnings, final, bases
        )
