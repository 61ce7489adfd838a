"""Rounds of pseudo labels for segmentation, DMT's algorithm 2.

Dynamic Mutual Training (arXiv:2004.08514). In each round B learns from pseudo labels of
A, and A from pseudo labels of B, both made by the networks of the round before. The
result is the network that is better on the validation images, or an earlier stage if
that was better still. The labels of a round are a folder,
`RUN/pseudo_labels/round_1_b/`; `RUN/pictures/` shows some of them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import pathlib
from typing import Any, Dict, List, Mapping, Sequence, Tuple

import numpy as np

from mixdmt_tf import digests
from mixdmt_tf.data.part import Part
from mixdmt_tf.data.segmentation import pseudo_labels, splits
from mixdmt_tf.data.splits import Split
from mixdmt_tf.equations import miou_difference_deviation
from mixdmt_tf.errors import UsageError
from mixdmt_tf.progress import Progress
from mixdmt_tf.rounds import plan
from mixdmt_tf.rounds.bases import require_base
from mixdmt_tf.rounds.hooks import Entry, Results
from mixdmt_tf.rounds.stages import Stages
from mixdmt_tf.runs import trained
from mixdmt_tf.runs.rows import read_rows
from mixdmt_tf.runs.task import Task
from mixdmt_tf.runs.trained import weights_digest
from mixdmt_tf.tasks.segmentation import (
    inspection,
    labeling,
    preparation,
    results,
    round_plots,
    round_records,
    scoring,
)

QUALITY = "quality.json"  # beside pseudo labels: their quality


class Rounds:
    """Hooks (`mixdmt_tf.rounds.hooks.Hooks`) for images with a class per pixel."""

    few_images = 0  # an image has thousands of pixels

    def __init__(self, task: Task, path: pathlib.Path, split: Split):
        """Initializes the hooks.

        Args:
            task: of the run.
            path: the run's folder.
            split: of the run.
        """
        self.task = task
        self.experiment = task.experiment
        self.path = path
        self.split = split

    def labels_place(self, stage: plan.Stage) -> pathlib.Path:
        """Returns the folder of the pseudo labels that a stage learns from."""
        return self.path / "pseudo_labels" / stage.name

    def base_steps(self, part: int) -> int:
        """Returns the steps of a base model trained on `part` labelled images."""
        method = self.experiment.method
        return preparation.base_steps(
            method.base_epochs, self.split, method.base_batch, part
        )

    def round_steps(self, stage: plan.Stage) -> int:
        """Returns the steps of a round, in passes over the unlabelled images."""
        method = self.experiment.method
        rows = self.experiment.run.batch * method.unlabeled_ratio
        images = len(self.split.unlabeled)
        return preparation.round_steps(method.round_epochs, images, rows)

    def parts_of_labels(self, share: float) -> Tuple[np.ndarray, np.ndarray]:
        """Returns two parts of the labelled images, as in the release (Eq. 11)."""
        return splits.subsets(self.split, share)

    def check(self, stages: Stages) -> None:
        """Raises an error if stages are to be chosen without validation images."""
        method = self.experiment.method
        chosen = method.models > 1 and method.select_on == "validation"
        if not self.validation_images() and (chosen or stages.snapshot == "best"):
            raise UsageError(
                f"{self.task.source.name} has no validation images to choose by.\n"
                "Give it some, or use --select_on=last --snapshot=last."
            )
        if self.experiment.run.init_from:
            require_base(self.task, self.split)

    def prepare(self) -> None:
        """Does nothing, since stages share only the data."""

    def found(self) -> Dict[str, Any]:
        """Returns nothing, as `prepare` finds nothing."""
        return {}

    def validation_images(self) -> int:
        """Returns the number of validation images to compare stages on."""
        return len(self.task.source.validation)

    def _model(self, stages: Stages, name: str, stage: plan.Stage) -> trained.Trained:
        """Loads the network of a finished stage, with the settings of `stage`."""
        task = self.task.replace(stages.of_model(stage))
        return trained.load(task, stages.folder(name), stages.snapshot)

    def _is_labelled(self, stages: Stages, stage: plan.Stage) -> bool:
        """Returns whether all images have labels of this teacher already."""
        folder = self.labels_place(stage)
        judged = digests.is_sound(folder / QUALITY)
        whole = pseudo_labels.is_whole(folder, self.split)
        return judged and (whole or stages.is_finished(stage))

    def begin_labels(self, stages: Stages, stage: plan.Stage) -> bool:
        """Creates the folder, and removes predictions of other networks."""
        if self._is_labelled(stages, stage):
            return False
        model = self._model(stages, str(stage.teacher), stage)
        teacher = weights_digest(model.weights(self.experiment.run.init_weights))
        pseudo_labels.begin(self.labels_place(stage), self.split, teacher)
        return True

    def guess(self, stages: Stages, stage: plan.Stage, part: Part) -> None:
        """Writes the teacher's predictions for a part of the images."""
        progress = Progress("labelling", "images")
        shown = {"progress": progress.update} if part.number == 1 else {}
        with contextlib.closing(progress):
            labeling.guess(
                self._model(stages, str(stage.teacher), stage),
                self.task.source,
                self.split,
                self.labels_place(stage),
                self.experiment.run.init_weights,
                part=part,
                **shown,
            )

    def label(self, stages: Stages, stage: plan.Stage, parts: int = 1) -> None:
        """Labels all images with the teacher, unless done, and records the quality.

        Files of images that workers have labelled in `parts` exist already.
        """
        if self._is_labelled(stages, stage):
            return
        folder, method = self.labels_place(stage), self.experiment.method
        model = self._model(stages, str(stage.teacher), stage)
        progress = Progress("labelling", "images")
        try:
            pseudo = labeling.label(
                model,
                self.task.source,
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
        self._judge(stages, stage, pseudo)

    def _judge(
        self, stages: Stages, stage: plan.Stage, pseudo: pseudo_labels.PseudoLabels
    ) -> None:
        """Records the quality of pseudo labels, and draws some of them."""
        source = self.task.source
        quality = labeling.quality(pseudo, source, self.split)
        facts = {"scenes": len(self.split.unlabeled), **dataclasses.asdict(quality)}
        student = self._model(stages, stage.start or str(stage.teacher), stage)
        seen = inspection.inspect(student, self.experiment, pseudo, source)
        round_plots.of_round(self.path, stage.name, seen)
        facts["weight_right"], facts["weight_wrong"] = (
            (seen.weight_right, seen.weight_wrong) if stage.start else (None, None)
        )
        text = json.dumps(facts, indent=1)
        digests.write(self.labels_place(stage) / QUALITY, text)

    def results(
        self, stages: Stages, stage: plan.Stage, results_: Results
    ) -> Dict[str, Any]:
        """Returns results of a finished stage: of its last step or best snapshot."""
        if stages.snapshot != "best":
            return dict(results_)
        rows = read_rows(stages.folder(stage.name))
        return results.as_of_best(results_, rows, self.task.source.class_names)

    def entry(self, stages: Stages, stage: plan.Stage, results: Results) -> Entry:
        """Returns the record of a finished round."""
        quality = digests.read_json(self.labels_place(stage) / QUALITY)
        folder = stages.folder(stage.name)
        return round_records.round_entry(stage, quality, results, folder)

    def warnings(
        self, entry: Entry, earlier: Sequence[Entry], before: Results
    ) -> List[str]:
        """Returns warnings about what got worse."""
        return round_records.warnings(entry, earlier, before)

    def describe(self, entry: Entry) -> str:
        """Describes a round in one line."""
        return results.describe_round(entry)

    def write(self, entries: Sequence[Entry]) -> None:
        """Writes `rounds.csv`."""
        round_records.write(self.path, entries)

    def draw(self, entries: Sequence[Entry], bases: Mapping[str, Results]) -> None:
        """Draws the charts of all rounds, and writes TensorBoard's numbers."""
        mious = {model: each["test_miou"] for model, each in bases.items()}
        round_plots.write(self.path, entries, mious, self.task.source, self.split)

    def clean_up(self, stage: plan.Stage) -> None:
        """Removes the pseudo labels, some 200 KB per image, except their index."""
        if not self.experiment.method.keep_pseudo_labels:
            for file in self.labels_place(stage).glob("*.npz"):
                file.unlink()

    def rank(self, results: Results) -> float:
        """Returns minus the mean IoU on the validation images, in percent."""
        miou = results["validation_miou"]
        return math.inf if miou is None else -float(miou)  # of a base that was given

    def deviation(self, stages: Stages, one: plan.Stage, other: plan.Stage) -> float:
        """Estimates the deviation by scoring both again, image by image."""
        counts = []
        for stage in (one, other):
            model = self._model(stages, stage.name, stage)
            images = self.task.source.validation
            each = scoring.confusions(model.scorer, model.averaged, images)
            counts.append(np.stack([*each]))
        return miou_difference_deviation(*counts)

    def summarize(self, bases: Mapping[str, Results]) -> Dict[str, Any]:
        """Returns `base_mious`, by stage, and the supervised results if wanted."""
        mious: Dict[str, Any] = {
            "base_mious": {name: each["test_miou"] for name, each in bases.items()}
        }
        if self.experiment.run.compare_supervised:
            # The base models trained on the labels alone: the better one is reported.
            best = max(bases.values(), key=lambda each: each["validation_miou"] or 0.0)
            mious["supervised_miou"] = best["test_miou"]
            mious["supervised_miou_raw"] = best["test_miou_raw"]
        return mious
