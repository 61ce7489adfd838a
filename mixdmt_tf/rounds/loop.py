"""The outer loop of methods that learn in rounds of pseudo labels.

Dynamic Mutual Training (arXiv:2004.08514), algorithms 1 and 2. Every stage (a base
model or a round) is an ordinary run in its own folder inside the run's folder, so it
resumes like any run. All files that are passed between stages are written atomically.
At whatever moment the process is killed, the same command resumes from there.

    RUN/base/                        the base model; of two models base_a/ and base_b/
    RUN/pseudo_labels/round_1...     its predictions for the unlabelled images
    RUN/round_1/                     a run that learns from these, and so on
    RUN/mean/                        the mean of all networks, if that is the result
    RUN/rounds.csv, results.json     the results of each round
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
    """One run in rounds, for classification or segmentation.

    Attributes:
        results: results of the finished stages, by name.
        entries: records of the finished rounds.
        warnings: the warnings so far, one sentence each.
    """

    def __init__(
        self,
        task: Task,
        path: pathlib.Path,
        train: Train,
        workers: Optional[Workers] = None,
    ):
        """Plans the stages and checks the settings.

        Args:
            task: task of a resolved experiment whose method learns in rounds.
            path: the run's folder, opened.
            train: trains one stage, or resumes training it, and returns its results.
            workers: the workers that label together, this process being the chief;
                None for a single process.
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
        task.check_files(path, self.split)  # before the split fixes the settings
        open_split(task, path)

    @property
    def steps(self) -> int:
        """The number of training steps of all stages together."""
        return sum(map(self.stages.steps, self.stages.all))

    @property
    def images(self) -> int:
        """The number of images in all these steps."""
        return sum(map(self._images, self.stages.all))

    def complete(self) -> Dict[str, Any]:
        """Trains all stages that are not finished yet.

        Returns:
            The content of `results.json`.

        Raises:
            UserError: for any problem that the user can fix.
            Interrupted: after a signal; the same call resumes.
        """
        if self.experiment.run.init_from:  # otherwise shown with the base model
            print(self.task.describe_split(self.split), flush=True)
        if self.experiment.method.select_on in ("best", "valtiny"):
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
        """Checks the settings before any file is written."""
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
        """Warns if too few validation images are there to choose among the stages."""
        if not held_out:
            self._warn(
                "no validation images: the result is the last round's, even if it "
                "is worse than the base model; --validation=N holds some out, "
                "--select_on=last accepts it"
            )
        elif held_out < self.hooks.few_images:
            self._warn(
                f"only {held_out} validation images, each of which counts "
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
        """Estimates from the speed of the last round; 0 if there was none yet."""
        planned = self.stages.all
        place = planned.index(stage)
        before = self.results[planned[place - 1].name]
        if not planned[place - 1].teacher:
            return 0.0
        steps = sum(map(self.stages.steps, planned[place:]))
        return before["seconds"] / before["steps"] * steps

    def _images(self, stage: plan.Stage) -> int:
        """Counts the images that a stage is trained on, with repetitions."""
        method, steps = self.experiment.method, self.stages.steps(stage)
        each = images_per_step(self.experiment) if stage.teacher else method.base_batch
        return steps * each

    def _images_after(self, stage: plan.Stage) -> int:
        """Counts the images of all later stages that are not trained yet."""
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
        """Records the results of a round and warns if something got worse."""
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
        if self.stages.is_newest(stage):  # draw once when a run is resumed
            first = {each.model: self.results[each.name] for each in self.stages.bases}
            self.hooks.draw(self.entries, first)
        self.hooks.clean_up(stage)

    def _rank(self, stage: plan.Stage) -> float:
        return self.hooks.rank(self.results[stage.name])

    def _final(self) -> str:
        """Returns the stage whose network is the result, or 'mean', by `select_on`."""
        select_on = self.experiment.method.select_on
        if select_on == weight_means.NAME:
            self.results[select_on] = weight_means.write(self.task, self.stages)
            return select_on
        return self._chosen(select_on).name

    def _chosen(self, select_on: str) -> plan.Stage:
        held_out = self.hooks.validation_images()
        # Model A is trained last in each round.
        if select_on == "last" or (select_on == "best" and not held_out):
            return self.stages.all[-1]
        if select_on == "best":
            return self._best()
        # With one model, 'valtiny' chooses among all stages (appendix C). 'validation',
        # and two models, choose among the last round's (algorithm 2, step 17).
        candidates = self.stages.of_last_round
        if select_on == "valtiny" and self.experiment.method.models == 1:
            candidates = self.stages.all[::-1]  # the latest wins ties
        if len(candidates) == 1:  # it may have no validation score
            return candidates[0]
        return min(candidates, key=self._rank)

    def _best(self) -> plan.Stage:
        """Returns the stage that is best on validation; the latest wins ties."""
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
        finished.require(folder, self.stages.snapshot)  # it may be an `init_from` run
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
