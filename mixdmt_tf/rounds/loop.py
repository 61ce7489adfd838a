"""The outer loop of methods that learn in rounds of pseudo labels.

Dynamic Mutual Training (arXiv:2004.08514), algorithms 1 and 2. Every stage (a base
model, a round) is an ordinary run in a folder of its own inside the run's folder, so it
resumes like any run; between two stages there are only files that are whole or not
there. Whatever moment the process is killed at, the same command resumes from it.

    RUN/base/                        the base model; of two models base_a/ and base_b/
    RUN/pseudo_labels/round_1...     what it says of the unlabelled images
    RUN/round_1/                     a run that learns from that, and so on
    RUN/mean/                        the mean of all networks, if that is the result
    RUN/rounds.csv, results.json     what came of each round
    RUN/checkpoints/, export/        the resulting network, as of any run
"""

from __future__ import annotations

import json
import pathlib
from typing import Any, Callable, Dict, List, Optional

import keras

from mixdmt_tf import digests, remote
from mixdmt_tf.errors import UsageError
from mixdmt_tf.files import copy_atomically
from mixdmt_tf.progress import duration
from mixdmt_tf.rounds import (
    bases,
    graphs,
    plan,
    records,
    sharing,
    stages,
    weight_means,
)
from mixdmt_tf.runs import export, finished, predictions, trained
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.pace import Pace
from mixdmt_tf.runs.run_folder import read_results
from mixdmt_tf.runs.splits import find_split, open_split
from mixdmt_tf.runs.task import Task
from mixdmt_tf.runs.warnings import images_per_step
from mixdmt_tf.runs.workers import Workers

Train = Callable[[Experiment, Any, Pace], Dict[str, Any]]


class Loop:
    """One run in rounds, of whatever task.

    Attributes:
        results: of the finished stages, by name.
        entries: what is recorded of the finished rounds.
        warnings: what got worse, in sentences.
    """

    def __init__(
        self,
        task: Task,
        path: pathlib.Path,
        train: Train,
        workers: Optional[Workers] = None,
    ):
        """Makes the plan.

        Args:
            task: of an experiment, resolved, whose method learns in rounds.
            path: the run's folder, opened.
            train: trains one stage, or resumes training it, and returns its results.
            workers: that label together, of which this is the chief; None: alone.
        """
        self.task = task
        self.experiment = task.experiment
        self.path = path
        self.train = train
        self.workers = workers
        self.split = find_split(task, path)
        self.stages = stages.of_run(task, path, self.split)
        self.hooks = self.stages.hooks
        self.results: Dict[str, Dict[str, Any]] = {}
        self.entries: List[Dict[str, Any]] = []
        self.warnings: List[str] = []
        self._check()
        task.check_files(path, self.split)  # who is refused may change settings
        open_split(task, path)

    @property
    def steps(self) -> int:
        """Of all stages together."""
        return sum(map(self.stages.steps, self.stages.all))

    @property
    def images(self) -> int:
        """Images of all these steps."""
        return sum(map(self._images, self.stages.all))

    def complete(self) -> Dict[str, Any]:
        """Does what is missing.

        Returns:
            What `results.json` holds.

        Raises:
            UserError: for everything that the user can put right.
            Interrupted: after a signal; the same call resumes.
        """
        if self.experiment.run.init_from:  # or it is shown with the base model
            print(self.task.describe_split(self.split), flush=True)
        if self.experiment.method.select_on == "best":
            self._warn_of_choice(self.hooks.validation_images())
        self.hooks.prepare()
        planned = self.stages.all
        for number, stage in enumerate(planned, start=1):
            print(f"[{number}/{len(planned)}] {self._in_words(stage)}", flush=True)
            if stage.teacher:
                with graphs.released():
                    sharing.label(self.stages, stage, self.workers)
            with graphs.released():
                self._train(stage)
                if stage.teacher:
                    self._record(stage)
            remote.update(self.path)
        return self._finish()

    def _check(self) -> None:
        """Refuses what cannot be trained, before anything is made."""
        if not len(self.split.unlabeled):
            name = self.experiment.algorithm
            base = stages.base_method(self.experiment)
            raise UsageError(
                f"--algorithm={name} needs unlabelled images, and all "
                f"{len(self.split.labeled)} of {self.split.dataset} are labelled.\n"
                f"Give fewer --labels, or train with --algorithm={base}."
            )
        self.hooks.check(self.stages)
        bases.require_fitting(self.experiment, self.split)

    def _warn(self, sentence: str) -> None:
        """Prints a warning, and keeps it for `results.json`."""
        print(f"warning: {sentence}", flush=True)
        self.warnings.append(sentence)

    def _warn_of_choice(self, held_out: int) -> None:
        """Warns if validation images cannot tell whether a round did harm."""
        if not held_out:
            self._warn(
                "no validation images: the result is the last round's, even where it "
                "is worse than the base model; --validation=N holds some out, "
                "--select_on=last accepts it"
            )
        elif held_out < self.hooks.few_images:
            self._warn(
                f"only {held_out} validation images, each of which is "
                f"{100 / held_out:.1f} points of error: chance may choose the result; "
                "--validation=N holds out more"
            )

    def _in_words(self, stage: plan.Stage) -> str:
        if not stage.teacher:
            return f"{stage.name}: {bases.in_words(self.experiment)}"
        left = self._seconds_left(stage)
        words = (
            f"{stage.name}: the most confident {100 * stage.fraction:g} % of the "
            f"labels that {stage.teacher} gives"
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

    def _images(self, stage: plan.Stage) -> int:
        """Images that a stage is trained on, each as often as a step has it."""
        method, steps = self.experiment.method, self.stages.steps(stage)
        each = images_per_step(self.experiment) if stage.teacher else method.base_batch
        return steps * each

    def _images_after(self, stage: plan.Stage) -> int:
        """Images of all later stages that are not trained yet."""
        place = self.stages.all.index(stage)
        left = self.stages.all[place + 1 :]
        return sum(self._images(e) for e in left if not self.stages.is_finished(e))

    def _train(self, stage: plan.Stage) -> None:
        folder = self.stages.folder(stage.name)
        if self.stages.is_finished(stage):
            print(f"finished: {folder}", flush=True)
            results = read_results(folder) or {}
        else:
            lost = self.stages.lost(stage)
            if lost is not None:
                place = finished.place(folder, lost)
                again = f"{stage.name} is trained again from the checkpoint before it"
                print(f"{place} is damaged or missing: {again}", flush=True)
            keras.backend.clear_session()
            pace = Pace(later=self._images_after(stage), whole=self.experiment)
            results = self.train(self.stages.settings(stage), self.task.source, pace)
        self.results[stage.name] = self.hooks.results(self.stages, stage, results)

    def _record(self, stage: plan.Stage) -> None:
        """Records what came of a round, and says what got worse."""
        entry = self.hooks.entry(self.stages, stage, self.results[stage.name])
        earlier = [row for row in self.entries if row["model"] == stage.model][-1:]
        own = [e.name for e in self.stages.all if e.model == stage.model]
        name = own[own.index(stage.name) - 1]
        before = self.results[name]
        given = self.experiment.run.init_from and name == own[0]
        if given and not bases.has_same_validation(self.task, self.split):
            before = {}
        for warning in self.hooks.warnings(entry, earlier, before):
            self._warn(warning)
        self.entries.append(entry)
        print(self.hooks.describe(entry), flush=True)
        self.hooks.write(self.entries)
        if self.stages.is_newest(stage):  # a resumed run draws only then
            first = {each.model: self.results[each.name] for each in self.stages.bases}
            self.hooks.draw(self.entries, first)
        self.hooks.clean_up(stage)

    def _rank(self, stage: plan.Stage) -> float:
        return self.hooks.rank(self.results[stage.name])

    def _final(self) -> str:
        """The stage whose network is the result, as `select_on` says, or the mean."""
        select_on = self.experiment.method.select_on
        if select_on == weight_means.NAME:
            self.results[select_on] = weight_means.write(self.task, self.stages)
            return select_on
        return self._chosen(select_on).name

    def _chosen(self, select_on: str) -> plan.Stage:
        held_out = self.hooks.validation_images()
        # The last stage of a round is model A's.
        if select_on == "last" or (select_on == "best" and not held_out):
            return self.stages.all[-1]
        if select_on == "best":
            return self._best()
        # 'valtiny' chooses among all stages of one model (appendix C), 'validation'
        # and two models among the last round's (algorithm 2, step 17).
        candidates = self.stages.of_last_round
        if select_on == "valtiny" and self.experiment.method.models == 1:
            candidates = self.stages.all[::-1]  # of equal ones the latest
        if len(candidates) == 1:  # which need not have been judged
            return candidates[0]
        return min(candidates, key=self._rank)

    def _best(self) -> plan.Stage:
        """The stage that is best on validation; of equal ones the latest."""
        last = min(self.stages.of_last_round, key=self._rank)
        best = min([last, *reversed(self.stages.all)], key=self._rank)
        if best is not last:
            behind = self._rank(last) - self._rank(best)
            deviation = self.hooks.deviation(self.stages, last, best)
            self._warn(
                f"{last.name} is worse than {best.name} on "
                f"{self.hooks.validation_images():,} validation images, by "
                f"{behind:.2f} points (standard deviation of the difference "
                f"{deviation:.2f}): the result is {best.name} (--select_on)"
            )
        return best

    def _finish(self) -> Dict[str, Any]:
        final = self._final()
        folder = self.stages.folder(final)
        finished.require(folder, self.stages.snapshot)  # of a base that was given
        copy_atomically(folder / "checkpoints", self.path / "checkpoints")
        for name in ("metrics.csv", trained.FACTS):
            digests.copy(folder / name, self.path / name)
        predictions.copy(folder, self.path)
        if self.experiment.run.export:
            model = trained.load(self.task, self.path, self.stages.snapshot)
            export.export(
                "saved_model",
                model.scorer,
                model.averaged,
                model.class_names,
                self.path / "export",
                model.colours,
                bands=model.bands,
            )
        first = {each.name: self.results[each.name] for each in self.stages.bases}
        outcome = records.run_summary(
            self.experiment,
            self.results,
            self.entries,
            self.warnings,
            final,
            self.hooks.summarize(first),
        )
        digests.write(self.path / "results.json", json.dumps(outcome, indent=1))
        return outcome
