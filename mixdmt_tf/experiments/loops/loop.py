"""The outer loop of methods that learn in rounds, whatever they learn from.

Every stage (a base model, a round) is an ordinary run in a folder of its own inside the
run's folder, so it resumes like any run; between two stages there are only files that
are whole or not there. Whatever moment the process is killed at, the same command goes
on from it. `rounds.py` has what is particular to images, `experiments/scenes/loop.py`
to scenes.
"""

from __future__ import annotations

import gc
import json
import pathlib
from typing import Any, Callable, Dict, List

import keras

from mixdmt_tf.errors import UsageError
from mixdmt_tf.experiments import export, preparation, trained
from mixdmt_tf.experiments.experiment import Experiment
from mixdmt_tf.experiments.loops import plan
from mixdmt_tf.experiments.loops.stages import Stages
from mixdmt_tf.experiments.progress import duration
from mixdmt_tf.experiments.run_folder import read_results
from mixdmt_tf.files import copy_atomically, write_atomically

Train = Callable[[Experiment, Any], Dict[str, Any]]


class Loop:
    """One run in rounds; subclasses write the methods that raise here.

    Attributes:
        stages_class: how a stage becomes the settings of a run.
        results: of the finished stages, by name.
        rounds: what is noted of the finished rounds.
        warnings: what got worse, in sentences.
    """

    stages_class = Stages

    def __init__(
        self,
        experiment: Experiment,
        path: pathlib.Path,
        source: Any,
        train: Train,
    ):
        """Makes the plan.

        Args:
            experiment: the run's, resolved; its method learns in rounds.
            path: the run's folder, opened.
            source: the data set.
            train: trains one stage, or goes on training it, and returns its results.
        """
        self.experiment = experiment
        method = experiment.method
        self.path = path
        self.source = source
        self.train = train
        self.split = preparation.find_split(experiment, path, source)
        shares = plan.fractions(method.fractions, method.rounds)
        planned = plan.stages(shares, method.models, method.restart)
        self.stages = self.stages_class(experiment, path, self.split, planned)
        self.results: Dict[str, Dict[str, Any]] = {}
        self.rounds: List[Dict[str, Any]] = []
        self.warnings: List[str] = []
        self._check()
        preparation.open_split(experiment, path, source)

    def complete(self) -> Dict[str, Any]:
        """Does what is missing.

        Returns:
            What `results.json` holds.

        Raises:
            UserError: for everything that the user can put right.
            Interrupted: after a signal; the same call goes on.
        """
        self._begin()
        if self.experiment.method.select_on == "best" and not self._held_out():
            self._warn(
                "no validation images: the result is the last round's, even where it "
                "is worse than the base model; --validation=N holds some out, "
                "--select_on=last accepts it"
            )
        planned = self.stages.all
        for number, stage in enumerate(planned, start=1):
            print(f"[{number}/{len(planned)}] {self._in_words(stage)}", flush=True)
            if stage.teacher:
                self._label(stage)
            self._train(stage)
            if stage.teacher:
                self._record(stage)
        return self._finish()

    def _begin(self) -> None:
        """What is done before the first stage."""

    def _label(self, stage: plan.Stage) -> None:
        """Asks the teacher, unless its answers are there."""
        raise NotImplementedError

    def _record(self, stage: plan.Stage) -> None:
        """Notes what came of a round, and says what got worse."""
        raise NotImplementedError

    def _note(self, found: Dict[str, Any], warnings: List[str], said: str) -> None:
        """Adds a round to those that are noted, and says it."""
        for warning in warnings:
            self._warn(warning)
        self.rounds.append(found)
        print(said, flush=True)

    def _warn(self, sentence: str) -> None:
        """Says it now, and again when the run ends."""
        print(f"warning: {sentence}", flush=True)
        self.warnings.append(sentence)

    def _before(self, stage: plan.Stage) -> Dict[str, Any]:
        """Results of the stage that a round is compared with."""
        return self.results.get(stage.start or str(stage.teacher), {})

    def _earlier(self, stage: plan.Stage) -> List[Dict[str, Any]]:
        """What is noted of the round before of the same model; none of the first."""
        return [row for row in self.rounds if row["model"] == stage.model][-1:]

    def _of_bases(self, name: str) -> Dict[str, Any]:
        """One of the numbers of each model's base, by model."""
        bases = [stage for stage in self.stages.all if not stage.teacher]
        return {each.model: self.results[each.name][name] for each in bases}

    def _held_out(self) -> int:
        """The number of validation images."""
        raise NotImplementedError

    def _rank(self, stage: plan.Stage) -> float:
        """How bad a stage is on the validation images, in percentage points."""
        raise NotImplementedError

    def _deviation(self, one: plan.Stage, other: plan.Stage) -> float:
        """Standard deviation of the difference of two stages' `_rank`."""
        raise NotImplementedError

    def _summarize(self, final: str) -> Dict[str, Any]:
        """What `results.json` of the whole run holds."""
        raise NotImplementedError

    def _check(self) -> None:
        """Refuses what cannot be trained, before anything is made."""
        method = self.experiment.method
        if not len(self.split.unlabeled):
            name = self.experiment.algorithm
            base = self.experiment.find_algorithm().Method.base_method
            raise UsageError(
                f"--algorithm={name} needs unlabelled images, and all "
                f"{len(self.split.labeled)} of {self.source.name} are labelled.\n"
                f"Give fewer --labels, or train with --algorithm={base}."
            )
        share = method.difference_share
        if method.models > 1 and share and len(self.split.labeled) < 2:
            raise UsageError(
                f"--difference_share={share:g}: one labelled image cannot be divided.\n"
                "Leave it out, or give more --labels."
            )
        if method.models > 1 and share in (0.5, 1.0):
            raise UsageError(
                f"--difference_share={share:g}: expected a number between 0.5 and 1.\n"
                "Leave it out to have both base models learn from all labels."
            )

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

    def _is_finished(self, stage: plan.Stage) -> bool:
        """Whether there is nothing left to train of it."""
        known = read_results(self.stages.folder(stage.name))
        given = self.stages.folder(stage.name) != self.path / stage.name
        steps = self.stages.steps(stage)
        return known is not None and (given or known["steps"] == steps)

    def _train(self, stage: plan.Stage) -> None:
        folder = self.stages.folder(stage.name)
        if self._is_finished(stage):
            print(f"finished: {folder}", flush=True)
            self.results[stage.name] = read_results(folder) or {}
            return
        keras.backend.clear_session()
        gc.collect()  # the stage before held a copy of all images in its graphs
        settings = self.stages.settings(stage)
        self.results[stage.name] = self.train(settings, self.source)

    def _of_last_round(self) -> List[plan.Stage]:
        """The last round's stages; the last of them is model A's."""
        last = self.stages.all[-1].round
        return [each for each in self.stages.all if each.round == last]

    def _candidates(self) -> List[plan.Stage]:
        """Of which the best on validation is the result in the paper (step 17)."""
        return self._of_last_round()

    def _final(self) -> plan.Stage:
        """The stage whose network is the result, as `select_on` says."""
        select_on = self.experiment.method.select_on
        if select_on == "last" or (select_on == "best" and not self._held_out()):
            return self.stages.all[-1]
        if select_on == "best":
            return self._last_unless_worse()
        candidates = self._candidates()
        if len(candidates) == 1:  # which need not have been judged
            return candidates[0]
        return min(candidates, key=self._rank)

    def _last_unless_worse(self) -> plan.Stage:
        """The last round's, or the best stage if that is better beyond chance."""
        last = min(self._of_last_round(), key=self._rank)
        best = min(self.stages.all, key=self._rank)
        behind = self._rank(last) - self._rank(best)
        if behind <= 0:
            return last
        deviation = self._deviation(last, best)
        if behind <= deviation:
            return last
        self._warn(
            f"{last.name} is worse than {best.name} on {self._held_out():,} validation "
            f"images, by {behind:.2f} points, more than the deviation of "
            f"{deviation:.2f}: the result is {best.name} (--select_on)"
        )
        return best

    def _finish(self) -> Dict[str, Any]:
        final = self._final()
        folder = self.stages.folder(final.name)
        for name in ("checkpoints", "metrics.csv", "data.json"):
            copy_atomically(folder / name, self.path / name)
        if self.experiment.run.export:
            model = trained.load(self.experiment, self.path, self.stages.snapshot)
            export.export(
                "saved_model",
                model.scorer,
                model.averaged,
                model.class_names,
                self.path / "export",
                model.colours,
            )
        outcome = self._summarize(final.name)
        write_atomically(self.path / "results.json", json.dumps(outcome, indent=1))
        return outcome
