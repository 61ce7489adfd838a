"""Rounds of pseudo labels: DMT's outer loop.

Dynamic Mutual Training (arXiv:2004.08514), algorithms 1 and 2. Every stage (the base
model, each round) is an ordinary run in a folder of its own inside the run's folder, so
it resumes like any run; between two stages there are only files that are whole or not
there. Whatever moment the process is killed at, the same command goes on from it.

    RUN/base/                       the base model, a run of `dmt_baseline`
    RUN/pseudo_labels/round_1.npz   what it says of the unlabelled images
    RUN/round_1/                    a run that learns from that file, and so on
    RUN/rounds.csv, results.json    what came of each round
    RUN/checkpoints/, export/       the resulting network, as of any run
"""

from __future__ import annotations

import pathlib
from typing import Any, Dict, List

from mixdmt_tf.data import pseudo_labels, splits
from mixdmt_tf.data.source import Source
from mixdmt_tf.equations import error_difference_deviation
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.experiments import (
    labeling,
    preparation,
    results,
    trained,
    transfer,
)
from mixdmt_tf.experiments.experiment import Experiment
from mixdmt_tf.experiments.loops import pictures, plan, record
from mixdmt_tf.experiments.loops.loop import Loop, Train
from mixdmt_tf.experiments.run_folder import read_results


FEW = 100  # validation images that can't tell whether a round did harm


def complete(
    experiment: Experiment, path: pathlib.Path, source: Source, train: Train
) -> Dict[str, Any]:
    """Does what is missing of a run in rounds.

    Args:
        experiment: the run's, resolved; its method is one of `algorithms/rounds.py`.
        path: the run's folder, opened.
        source: the data set.
        train: trains one stage, or goes on training it, and returns its results.

    Returns:
        What `results.json` holds: the numbers of the resulting network, `base_error`,
        `warnings`, and `rounds`, a list of what `record.of_round` returns.

    Raises:
        UserError: for everything that the user can put right.
        Interrupted: after a signal; the same call goes on.
    """
    return ImageLoop(experiment, path, source, train).complete()


def require_base(
    experiment: Experiment, split: splits.Split, source: preparation.AnySource
) -> None:
    """Refuses a run that cannot be the base model that `init_from` gives.

    Args:
        experiment: of the run in rounds.
        split: of that run.
        source: the data set.

    Raises:
        UserError: saying why, and what to give instead.
    """
    run, method = experiment.run, experiment.method
    if method.models > 1:
        raise UsageError(
            "--init_from gives one base model, and --models=2 needs two.\n"
            "Leave it out, or use --models=1."
        )
    folder = pathlib.Path(run.init_from).expanduser()
    transfer.require_same_network(folder, experiment)
    if read_results(folder) is None:
        raise UserError(
            f"--init_from={folder} is not finished: there is no results.json.\n"
            "Run its command to the end first."
        )
    theirs = preparation.read_split(folder / "split.json", source)
    if not set(theirs.labeled) <= set(split.labeled):
        raise UserError(
            f"--init_from={folder} knows labels that this run hides.\n"
            "Give it the same --labels, --validation and --seed, or --split="
            f"{folder / 'split.json'} to this one."
        )
    same = set(theirs.validation) == set(split.validation)
    if method.select_on in ("best", "valtiny") and not (
        same and theirs.own_validation == split.own_validation
    ):
        raise UserError(
            f"--select_on={method.select_on}: --init_from={folder} has other "
            "validation images, so that their errors cannot be compared.\nGive "
            f"--split={folder / 'split.json'}, or --select_on=last."
        )


class ImageLoop(Loop):
    """One run in rounds on images."""

    def _begin(self) -> None:
        if self.experiment.run.init_from:
            print(splits.describe(self.split, self.source), flush=True)
        held_out = self._held_out()
        if self.experiment.method.select_on == "best" and 0 < held_out < FEW:
            self._warn(
                f"only {held_out} validation images, each of which is "
                f"{100 / held_out:.1f} points of error: a round that is worse may "
                "still be the result; --validation=N holds out more"
            )

    def _check(self) -> None:
        super()._check()
        run, method = self.experiment.run, self.experiment.method
        if method.select_on == "valtiny" and not self._held_out():
            raise UsageError(
                "--select_on=valtiny needs validation images.\n"
                "Hold some out, such as --validation=200, or use --select_on=last."
            )
        for stage in self.stages.all:
            if stage.teacher and not self.stages.pseudo_labels(stage):
                raise UsageError(
                    f"--fractions: {100 * stage.fraction:g} % of "
                    f"{len(self.split.unlabeled):,} unlabelled images is none "
                    f"({stage.name}).\nGive larger percentages."
                )
        if run.init_from:
            require_base(self.experiment, self.split, self.source)

    def _label(self, stage: plan.Stage) -> None:
        file = self.stages.labels_file(stage)
        if file.exists():
            return
        model = trained.load(self.experiment, self.stages.folder(str(stage.teacher)))
        found = labeling.label(
            model,
            self.source,
            self.split,
            stage.fraction,
            self.experiment.method.count,
            self.experiment.run.init_weights,
        )
        file.parent.mkdir(exist_ok=True)
        pseudo_labels.write(file, found, self.split)

    def _record(self, stage: plan.Stage) -> None:
        file = self.stages.labels_file(stage)
        pseudo = pseudo_labels.read(file, self.split, self.source.num_classes)
        found = record.of_round(
            stage,
            labeling.quality(pseudo, self.source.train.labels[pseudo.ids]),
            self.results[stage.name],
            self.stages.folder(stage.name),
        )
        worse = record.warnings(found, self._earlier(stage), self._before(stage))
        self._note(found, worse, results.describe_round(found))
        record.write(self.path, self.rounds)
        pictures.write(self.path, self.rounds, self._of_bases("test_error"))

    def _candidates(self) -> List[plan.Stage]:
        """Of one model, any round may be the best."""
        one = self.experiment.method.models == 1
        return list(self.stages.all) if one else super()._candidates()

    def _held_out(self) -> int:
        held_out = splits.validation_images(self.split, self.source)
        return 0 if held_out is None else len(held_out)

    def _rank(self, stage: plan.Stage) -> float:
        return float(self.results[stage.name]["validation_error"])

    def _deviation(self, one: plan.Stage, other: plan.Stage) -> float:
        """By asking both once more."""
        images = splits.validation_images(self.split, self.source)
        wrong = []
        for stage in (one, other):
            model = trained.load(self.experiment, self.stages.folder(stage.name))
            probs = model.scorer.predict(model.averaged, images.images)
            wrong.append(probs.argmax(-1) != images.labels)
        return error_difference_deviation(*wrong)

    def _summarize(self, final: str) -> Dict[str, Any]:
        return record.summarize(
            self.experiment, self.results, self.rounds, self.warnings, final
        )
