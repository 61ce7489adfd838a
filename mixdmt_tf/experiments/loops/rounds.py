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

import gc
import json
import pathlib
from typing import Any, Callable, Dict, List

import keras

from mixdmt_tf.data import pseudo_labels, splits
from mixdmt_tf.data.source import Source
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.experiments import (
    export,
    labeling,
    preparation,
    results,
    trained,
    transfer,
)
from mixdmt_tf.experiments.experiment import Experiment
from mixdmt_tf.experiments.loops import pictures, plan, record
from mixdmt_tf.experiments.loops.stages import Stages
from mixdmt_tf.experiments.progress import duration
from mixdmt_tf.experiments.run_folder import read_results
from mixdmt_tf.files import copy_atomically, write_atomically

Train = Callable[[Experiment, Source], Dict[str, Any]]


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
    return Loop(experiment, path, source, train).complete()


def require_base(experiment: Experiment, split: splits.Split, source: Source) -> None:
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
    theirs = splits.read_split(folder / "split.json", source)
    if not set(theirs.labeled) <= set(split.labeled):
        raise UserError(
            f"--init_from={folder} knows labels that this run hides.\n"
            "Give it the same --labels, --validation and --seed, or --split="
            f"{folder / 'split.json'} to this one."
        )
    same = set(theirs.validation) == set(split.validation)
    if method.select_on == "valtiny" and not (
        same and theirs.own_validation == split.own_validation
    ):
        raise UserError(
            f"--select_on=valtiny: --init_from={folder} has other validation "
            "images, so that their errors cannot be compared.\nGive --split="
            f"{folder / 'split.json'}, or --select_on=last."
        )


class Loop:
    """One run in rounds."""

    def __init__(
        self,
        experiment: Experiment,
        path: pathlib.Path,
        source: Source,
        train: Train,
    ):
        """Makes the plan; arguments of `complete`."""
        self.experiment = experiment
        method = experiment.method
        self.path = path
        self.source = source
        self.train = train
        opened = (path / "split.json").exists()
        self.split = (
            preparation.open_split(experiment, path, source)
            if opened
            else preparation.draw_split(experiment, source)
        )
        shares = plan.fractions(method.fractions, method.rounds)
        planned = plan.stages(shares, method.models, method.restart)
        self.stages = Stages(experiment, path, self.split, planned)
        self.results: Dict[str, Dict[str, Any]] = {}
        self.rounds: List[Dict[str, Any]] = []
        self.warnings: List[str] = []
        self._check()
        # Not before: from its split on, a folder is kept for the run's settings.
        preparation.open_split(experiment, path, source)

    def complete(self) -> Dict[str, Any]:
        """Does what is missing."""
        if self.experiment.run.init_from:
            print(splits.describe(self.split, self.source), flush=True)
        planned = self.stages.all
        for number, stage in enumerate(planned, start=1):
            print(f"[{number}/{len(planned)}] {self._in_words(stage)}", flush=True)
            if stage.teacher:
                self._label(stage)
            self._train(stage)
            self._record(stage)
        return self._finish()

    def _check(self) -> None:
        run, method = self.experiment.run, self.experiment.method
        name = self.experiment.algorithm
        if not len(self.split.unlabeled):
            raise UsageError(
                f"--algorithm={name} needs unlabelled images, and all "
                f"{len(self.split.labeled)} of {self.source.name} are labelled.\n"
                "Give fewer --labels, or train with --algorithm=dmt_baseline."
            )
        held_out = splits.validation_images(self.split, self.source)
        if method.select_on == "valtiny" and not held_out:
            raise UsageError(
                "--select_on=valtiny needs validation images.\n"
                "Hold some out, such as --validation=200, or use --select_on=last."
            )
        if method.models > 1 and method.difference_share in (0.5, 1.0):
            raise UsageError(
                f"--difference_share={method.difference_share:g}: expected a number "
                "between 0.5 and 1.\nLeave it out to have both base models learn from "
                "all labels."
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

    def _in_words(self, stage: plan.Stage) -> str:
        if not stage.teacher:
            return f"{stage.name}: labels alone"
        left = self._seconds_left(stage)
        words = (
            f"{stage.name}: the surest {100 * stage.fraction:g} % of the labels that "
            f"{stage.teacher} gives"
        )
        return f"{words}; about {duration(left)} left in all" if left else words

    def _seconds_left(self, stage: plan.Stage) -> float:
        """By the speed of the last round; 0 when none was trained yet."""
        planned = self.stages.all
        place = planned.index(stage)
        before = self.results[planned[place - 1].name]
        if not planned[place - 1].teacher:
            return 0.0
        steps = sum(map(self.stages.steps, planned[place:]))
        return before["seconds"] / before["steps"] * steps

    def _label(self, stage: plan.Stage) -> None:
        """Asks the teacher, unless its answers are there."""
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

    def _train(self, stage: plan.Stage) -> None:
        folder, steps = self.stages.folder(stage.name), self.stages.steps(stage)
        known = read_results(folder)
        given = folder != self.path / stage.name
        if known is not None and (given or known["steps"] == steps):
            print(f"finished: {folder}", flush=True)
            self.results[stage.name] = known
            return
        keras.backend.clear_session()
        gc.collect()  # the stage before held a copy of all images in its graphs
        settings = self.stages.settings(stage)
        self.results[stage.name] = self.train(settings, self.source)

    def _record(self, stage: plan.Stage) -> None:
        """Adds to `rounds.csv` what came of a round, and says what got worse."""
        if not stage.teacher:
            return
        file = self.stages.labels_file(stage)
        pseudo = pseudo_labels.read(file, self.split, self.source.num_classes)
        before = self.results.get(stage.start or str(stage.teacher), {})
        found = record.of_round(
            stage,
            labeling.quality(pseudo, self.source.train.labels[pseudo.ids]),
            self.results[stage.name],
            self.stages.folder(stage.name),
        )
        earlier = [row for row in self.rounds if row["model"] == stage.model]
        for warning in record.warnings(found, earlier[-1:], before):
            print(f"warning: {warning}", flush=True)
            self.warnings.append(warning)
        self.rounds.append(found)
        print(results.describe_round(found), flush=True)
        record.write(self.path, self.rounds)
        pictures.write(self.path, self.rounds, self._base_errors())

    def _base_errors(self) -> Dict[str, Any]:
        """Test error of each model's base, where somebody knows it."""
        bases = [stage for stage in self.stages.all if not stage.teacher]
        return {each.model: self.results[each.name]["test_error"] for each in bases}

    def _final(self) -> plan.Stage:
        """The stage whose network is the result."""
        last = self.stages.all[-1].round
        if self.experiment.method.models > 1:
            # Algorithm 2, step 17; the last stage of a round is model A's.
            candidates = [each for each in self.stages.all if each.round == last]
        else:
            candidates = list(self.stages.all)
        if self.experiment.method.select_on == "last":
            return candidates[-1]
        return min(
            candidates, key=lambda each: self.results[each.name]["validation_error"]
        )

    def _finish(self) -> Dict[str, Any]:
        final = self._final()
        folder = self.stages.folder(final.name)
        for name in ("checkpoints", "metrics.csv", "data.json"):
            copy_atomically(folder / name, self.path / name)
        if self.experiment.run.export:
            model = trained.load(self.experiment, self.path)
            export.export(
                "saved_model",
                model.scorer,
                model.averaged,
                model.class_names,
                self.path / "export",
            )
        outcome = record.summarize(
            self.experiment, self.results, self.rounds, self.warnings, final.name
        )
        write_atomically(self.path / "results.json", json.dumps(outcome, indent=1))
        return outcome
