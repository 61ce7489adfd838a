"""Rounds of pseudo labels for image classification, DMT's algorithm 1.

Dynamic Mutual Training (arXiv:2004.08514), algorithms 1 and 2. The pseudo labels of a
round are in a file, `RUN/pseudo_labels/round_1.npz`.
"""

from __future__ import annotations

import pathlib
import shutil
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from mixdmt_tf.algorithms.parts import ood_mask
from mixdmt_tf.data import draws
from mixdmt_tf.data.classification import label_parts, pseudo_labels, splits
from mixdmt_tf.data.part import Part
from mixdmt_tf.data.splits import Split
from mixdmt_tf.equations import difference_maximized, error_difference_deviation
from mixdmt_tf.errors import UsageError
from mixdmt_tf.rounds import plan, weight_means
from mixdmt_tf.rounds.bases import require_base
from mixdmt_tf.rounds.hooks import Entry, Results
from mixdmt_tf.rounds.stages import Stages
from mixdmt_tf.runs import trained
from mixdmt_tf.runs.task import Task
from mixdmt_tf.tasks.classification import (
    fixed_scores,
    guessed_parts,
    labeling,
    noise,
    probability_sums,
    results,
    round_plots,
    round_records,
    score_files,
)
from mixdmt_tf.tasks.classification.candidates import Candidates


class Rounds:
    """Hooks (`mixdmt_tf.rounds.hooks.Hooks`) for images with one class each."""

    few_images = 100

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
        self.candidates = Candidates(split, task.experiment.method.candidates)

    def labels_place(self, stage: plan.Stage) -> pathlib.Path:
        """Returns the file of the pseudo labels that a stage learns from."""
        return self.path / "pseudo_labels" / f"{stage.name}.npz"

    def base_steps(self, part: int) -> int:
        """Returns the steps of a base model trained on `part` labelled images."""
        split, method = self.split, self.experiment.method
        images = sum(map(len, (split.labeled, split.unlabeled, split.validation)))
        labels = len(split.labeled)
        return plan.base_steps(
            method.base_epochs, images, labels, method.base_batch, part
        )

    def round_steps(self, stage: plan.Stage) -> int:
        """Returns the steps of a round, in passes over its kept pseudo labels."""
        method = self.experiment.method
        rows = self.experiment.run.batch * method.unlabeled_ratio
        return plan.round_steps(method.round_epochs, self._kept(stage), rows)

    def _kept(self, stage: plan.Stage) -> int:
        """Returns how many pseudo labels a round learns from."""
        count = labeling.COUNTS[self.experiment.method.count]
        return count(len(self.candidates.split.unlabeled), stage.fraction)

    def parts_of_labels(self, share: float) -> Tuple[np.ndarray, np.ndarray]:
        """Returns two maximally different parts of the labelled images (Eq. 11)."""
        key = draws.purpose_key(self.split.seed, "difference maximized sampling")
        shuffled = np.random.default_rng(key).permutation(self.split.labeled)
        return difference_maximized(shuffled, share)

    def check(self, stages: Stages) -> None:
        """Refuses selection without validation images, rounds without pseudo labels."""
        method = self.experiment.method
        if method.select_on == "valtiny" and not self.validation_images():
            raise UsageError(
                "--select_on=valtiny needs validation images.\n"
                "Hold some out, such as --validation=200, or use --select_on=last."
            )
        if method.select_on == weight_means.NAME:
            weight_means.require_one_beginning(self.experiment)
        if (method.teachers, method.labeling) == ("all", "graph"):
            raise UsageError(
                "--teachers=all: --labeling=graph asks one network for features.\n"
                "Leave out one of the two."
            )
        self._check_noise()
        if hasattr(method, "ood_scores_from"):
            ood_mask.require_fitting(method, self.task.facts(self.split))
        for stage in stages.all:
            if stage.teacher and not self._kept(stage):
                raise UsageError(
                    f"--fractions: {100 * stage.fraction:g} % of "
                    f"{len(self.candidates.split.unlabeled):,} unlabelled images is "
                    f"none ({stage.name}).\nGive larger percentages."
                )
        if self.experiment.run.init_from:
            require_base(self.task, self.split)

    def _check_noise(self) -> None:
        """Raises an error if wrong labels cannot be estimated."""
        method = self.experiment.method
        if getattr(method, "noise_rate", 0.0) is not None:
            return
        if method.labeling == "graph":
            raise UsageError(
                "--labeling=graph: the share of wrong labels from a graph cannot be "
                "estimated.\nGive --noise_rate, such as --noise_rate=0.1."
            )
        if method.noise_from == "validation" and not self.validation_images():
            raise UsageError(
                "--noise_from=validation needs validation images.\nHold some out, such "
                "as --validation=200, or use --noise_from=confidence or --noise_rate."
            )

    def prepare(self) -> None:
        """Computes fixed scores of unlabelled images, if the mask needs them."""
        if fixed_scores.needed(self.task):
            fixed_scores.of_whole_run(self.task, self.split, self.path)

    def found(self) -> Dict[str, Any]:
        """Returns the file of these scores."""
        if not fixed_scores.needed(self.task):
            return {}
        return {"ood_scores": str(self.path / score_files.NAME)}

    def validation_images(self) -> int:
        """Returns the number of validation images to compare stages on."""
        held_out = splits.validation_images(self.split, self.task.source)
        return 0 if held_out is None else len(held_out)

    def begin_labels(self, stages: Stages, stage: plan.Stage) -> bool:
        """Creates the folder; a graph connects all images, so it has no parts."""
        file = self.labels_place(stage)
        file.parent.mkdir(exist_ok=True)
        method = self.experiment.method
        by_one = method.labeling == "network" and method.teachers == "last"
        return by_one and not file.exists()

    def guess(self, stages: Stages, stage: plan.Stage, part: Part) -> None:
        """Writes the teacher's predictions for a part of the images."""
        self._guesses(self._teacher(stages, stage), stage, part)

    def _teacher(self, stages: Stages, stage: plan.Stage) -> trained.Trained:
        return trained.load(self.task, stages.folder(str(stage.teacher)))

    def _guesses(
        self, model: trained.Trained, stage: plan.Stage, part: Part
    ) -> labeling.Guesses:
        file, weights = self.labels_place(stage), self.experiment.run.init_weights
        return guessed_parts.read_or_guess(
            model, self.task.source, self.candidates.split, file, weights, part
        )

    def label(self, stages: Stages, stage: plan.Stage, parts: int = 1) -> None:
        """Writes the teacher's pseudo labels, unless the file exists."""
        file = self.labels_place(stage)
        if file.exists():
            return
        model = self._teacher(stages, stage)
        guesses = None
        if parts > 1 and self.begin_labels(stages, stage):
            each = [self._guesses(model, stage, p) for p in Part(1, parts).all()]
            guesses = label_parts.join(each)
        if self.experiment.method.teachers == "all":
            guesses = probability_sums.guesses(self._sums(stages, stage, model))
        pseudo = labeling.label(
            model,
            self.task.source,
            self.candidates.split,
            stage.fraction,
            self.experiment.method.count,
            self.experiment.run.init_weights,
            by=labeling.source_of(self.experiment.method),
            guesses=guesses,
            inside=self.candidates.of(
                fixed_scores.inside(self.task, self.split, self.path)
            ),
        )
        if hasattr(self.experiment.method, "noise_from"):
            pseudo = self._noted(stages, stage, model, pseudo)
        file.parent.mkdir(exist_ok=True)
        pseudo_labels.write(file, self.candidates.among_all(pseudo), self.split)

    def _sums(
        self, stages: Stages, stage: plan.Stage, model: Optional[trained.Trained] = None
    ) -> np.ndarray:
        """Sums the probabilities of a stage's teacher and of all its predecessors."""
        source, split = self.task.source, self.candidates.split
        path = probability_sums.place(self.labels_place(stage))
        sums = probability_sums.read(path, split, source.num_classes)
        if sums is None:
            (before,) = (each for each in stages.all if each.name == stage.teacher)
            sums = np.zeros((len(split.unlabeled), source.num_classes), np.float32)
            if before.teacher:
                sums = self._sums(stages, before)
            model = model or self._teacher(stages, stage)
            weights = self.experiment.run.init_weights
            for rows, found in labeling.probabilities(model, source, split, weights):
                sums[rows] += found
            path.parent.mkdir(exist_ok=True)
            probability_sums.write(path, sums, split)
        return sums

    def _noted(self, stages: Stages, stage: plan.Stage, model: Any, pseudo: Any) -> Any:
        """Adds an estimate of the share of wrong labels to the pseudo labels."""
        method, weights = self.experiment.method, self.experiment.run.init_weights
        earlier = stages.teachers(stage)[1:] if method.teachers == "all" else []
        others = [trained.load(self.task, stages.folder(e.name)) for e in earlier]
        given = self.task.source, self.split, pseudo, weights, method.count
        return noise.noted([model, *others], *given)

    def results(
        self, stages: Stages, stage: plan.Stage, results: Results
    ) -> Dict[str, Any]:
        """Returns the results of a finished stage, those of its last step."""
        return dict(results)

    def entry(self, stages: Stages, stage: plan.Stage, results: Results) -> Entry:
        """Returns the record of a finished round."""
        source = self.task.source
        file = self.labels_place(stage)
        pseudo = pseudo_labels.read(file, self.split, source.num_classes)
        quality = labeling.quality(pseudo, source.train.labels[pseudo.ids])
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
        errors = {model: each["test_error"] for model, each in bases.items()}
        round_plots.write(self.path, entries, errors)

    def clean_up(self, stage: plan.Stage) -> None:
        """Removes the workers' parts; files of pseudo labels are small and stay."""
        folder = label_parts.folder_of(self.labels_place(stage))
        shutil.rmtree(folder, ignore_errors=True)
        taught = self.labels_place(stage).with_name(f"{stage.teacher}.npz")
        probability_sums.place(taught).unlink(missing_ok=True)

    def rank(self, results: Results) -> float:
        """Returns the validation error, in percent."""
        return float(results["validation_error"])

    def deviation(self, stages: Stages, one: plan.Stage, other: plan.Stage) -> float:
        """Estimates the deviation by predicting again with both, image by image."""
        images = splits.validation_images(self.split, self.task.source)
        wrong = []
        for stage in (one, other):
            model = trained.load(self.task, stages.folder(stage.name))
            probs = model.scorer.predict(model.averaged, images.images)
            wrong.append(probs.argmax(-1) != images.labels)
        return error_difference_deviation(*wrong)

    def summarize(self, bases: Mapping[str, Results]) -> Dict[str, Any]:
        """Returns `base_error(_raw)` of the first base model, and `base_errors`."""
        base = next(iter(bases.values()))
        kinds = ("",) if base["test_error"] is not None else ("", "validation_")
        errors: Dict[str, Any] = {
            f"base_{kind}error{raw}": base[f"{kind or 'test_'}error{raw}"]
            for kind in kinds
            for raw in ("", "_raw")
        }
        if self.experiment.run.compare_supervised:
            # The base model was trained on the labels alone.
            errors.update({f"supervised{k[4:]}": v for k, v in errors.items()})
        found = {name: each["test_error"] for name, each in bases.items()}
        return {**errors, "base_errors": found}
