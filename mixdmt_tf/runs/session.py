"""A training run: set-up, callbacks of the training loop, results."""

from __future__ import annotations

import json
import pathlib
import time
from typing import Any, Dict, Optional

import tensorflow as tf

from mixdmt_tf import digests, remote
from mixdmt_tf.algorithms.parts import means, optimizers
from mixdmt_tf.files import expanded
from mixdmt_tf.progress import Progress
from mixdmt_tf.runs import (
    beginning,
    checkpoints,
    data_service,
    export,
    owners,
    precision,
    random_layers,
    results,
    step_errors,
    trained,
    training_loop,
    transfer,
)
from mixdmt_tf.runs.interrupts import Interrupted, Interrupts
from mixdmt_tf.runs.pace import Pace
from mixdmt_tf.runs.splits import find_split, open_split
from mixdmt_tf.runs.task import Task
from mixdmt_tf.runs.warnings import average_warning, images_per_step, time_needed
from mixdmt_tf.runs.workers import Workers


class Session:
    """One training run in this process, for classification or segmentation.

    Attributes:
        task: data, batches, network and scores.
        split: which images are labelled.
        log: TensorBoard files and `metrics.csv`.
    """

    def __init__(
        self,
        task: Task,
        path: pathlib.Path,
        strategy: tf.distribute.Strategy,
        workers: Workers,
        interrupts: Interrupts,
        pace: Optional[Pace] = None,
    ):
        """Draws or reads the split, prints it, and checks all files.

        Args:
            task: task of an experiment with all settings resolved.
            path: the run's folder.
            strategy: distribution strategy of the training.
            workers: the workers that take part; this process is the chief.
            interrupts: installed signal handlers.
            pace: records the durations of steps; a new one if not given.
        """
        self.task = task
        self.experiment = experiment = task.experiment
        self.path = path
        self.strategy, self.workers = strategy, workers
        self.interrupts = interrupts
        self.progress = Progress(experiment.algorithm, "steps")
        self.pace = pace or Pace()
        self.progress.later = self.pace.later / images_per_step(experiment)
        self.numbers: Dict[str, float] = {}
        self.split = find_split(task, path)
        # All of this comes before the split fixes the settings.
        task.require(self.split, self._parts)
        if experiment.run.init_from and not (path / "split.json").exists():
            folder = expanded(experiment.run.init_from)
            transfer.require_same_network(folder, experiment)
        self.pseudo = beginning.pseudo_labels(task, self.split)
        if not experiment.data.pseudo_labels:  # else done for the base model
            task.check_files(path, self.split)
            print(task.describe_split(self.split), flush=True)
        open_split(task, path)
        self.log = task.log(path)

    def complete(self) -> Dict[str, Any]:
        """Trains the missing steps, then writes results and the exported model.

        Returns:
            The content of `results.json`.
        """
        task = self.task
        self.workers.hear(str(self.path))  # from here on all of them are needed
        beginning.copies(task, self.split, self.workers)
        pipeline = task.pipeline(self.split, self.pseudo, self._parts)
        self.algorithm = beginning.algorithm(task, self.split, self.strategy)
        self.scorer = task.scorer()
        self.evaluation = task.evaluation(self.split, self.scorer, self.log)
        trained.describe(task, self.path)
        self.checkpoints = checkpoints.Checkpoints(
            self.path / "checkpoints",
            checkpoints.state(self.algorithm),
            beginning.state(self.split, self.pseudo),
            self.experiment.run.keep_checkpoints,
            self.progress.say,
            self.path,
            checkpoints.portable(self.algorithm),
        )
        start = self.checkpoints.restore() or 0
        note = self.checkpoints.note
        self.numbers = note.get("numbers", {})
        means.restore(self.algorithm.means, note.get("means", {}), self.workers.number)
        if not start:
            beginning.initialize(self.algorithm, task)
            task.begin(self.algorithm, pipeline, self.path)
        self._announce(start)
        self.evaluated = {int(row["step"]) for row in self.log.rows}
        self.workers.hear(f"{start} {int(start in self.evaluated)}")
        if not start:
            self.workers.share(checkpoints.variables(self.algorithm))
        self._train(pipeline, start)
        return self._finish()

    @property
    def _parts(self) -> int:
        """The number of parts of each batch."""
        return self.strategy.num_replicas_in_sync * self.experiment.run.accumulate

    def _announce(self, start: int) -> None:
        run = self.experiment.run
        self.log.read_rows(start)
        self.earlier = self.log.rows[-1]["seconds"] if self.log.rows else 0.0
        if start == 0:
            warning = average_warning(self.experiment.method, run.steps)
            if warning and run.steps > 2:  # not in a dry run, which has two steps
                print(warning, flush=True)
            self.log.show_settings([config for _, config in self.experiment.groups])
        devices = self.strategy.num_replicas_in_sync
        print(
            f"{self.experiment.algorithm}: {self.algorithm.network.count_params():,} "
            f"parameters, {run.precision}, {devices} device{'s' * (devices > 1)}, "
            f"run folder {remote.shown(self.path)}",
            flush=True,
        )
        rate = optimizers.note(self.experiment.method, run.steps)
        network = self.algorithm.network
        notes = [rate, precision.note(run, network), random_layers.note(network)]
        for note in filter(None, notes):
            print(note, flush=True)
        if 0 < start < run.steps:
            share = 100 * start / run.steps
            print(f"resuming at step {start:,} ({share:.0f} % done)", flush=True)

    def _train(self, pipeline: Any, start: int) -> None:
        run = self.experiment.run
        self.session_started = time.monotonic()
        self.log.start_clock(start)
        hooks = training_loop.Hooks(
            self._report,
            self._evaluate,
            self._note_and_save,
            self._show,
            lambda: self.interrupts.agreed(self.workers),
            lambda: self._begun(pipeline, start),
            self._chosen,
        )
        self.pace.begin(start)
        try:
            with step_errors.explained():
                done = training_loop.train(
                    self.algorithm,
                    data_service.of_run(
                        pipeline,
                        run.data_service,
                        self.path,
                        beginning.state(self.split, self.pseudo),
                    ),
                    self.strategy,
                    training_loop.Schedule.of(run),
                    hooks,
                    start,
                    self.evaluated,
                    run.jit_compile == "on",
                )
            if done >= run.steps:
                self.log.show_end()
        finally:
            self.interrupts.deferred = False
            self.progress.close()
            self.log.close()
        if done < run.steps or self._asked_to_stop():
            raise self._stopped(done)

    def _stopped(self, step: int) -> Interrupted:
        return Interrupted(
            self.interrupts.requested,
            f"stopped after step {step:,}, saved; the same command resumes",
        )

    def _asked_to_stop(self) -> bool:
        return self.interrupts.requested is not None

    def _begun(self, pipeline: Any, start: int) -> None:
        """Defers signals from the first step on, and shows the inputs of a new run."""
        self.interrupts.deferred = True
        if not start:
            self.task.show_inputs(self.log, pipeline)

    def _chosen(self, steps: int) -> None:
        """Stores the measured steps per execution for when the run is resumed."""
        self.progress.say(f"--steps_per_execution=auto: {steps}")
        settings = {"steps_per_execution": steps}
        self.experiment = self.experiment.replace(settings)
        self.task = self.task.replace(self.experiment)
        digests.write(self.path / "flags.txt", self.experiment.flagfile())

    def _report(self, step: int, numbers: Dict[str, float]) -> None:
        self.numbers = numbers
        rate = float(tf.convert_to_tensor(self.algorithm.optimizer.learning_rate))
        self.log.log(step, {**numbers, "learning_rate": rate})

    def _show(self, step: int, numbers: Dict[str, float]) -> None:
        if self.pace.stepped(step):
            steps = self.experiment.run.steps - step
            self.progress.say(time_needed(self.experiment, self.pace, steps))
        shown = ("loss", "loss_x", "loss_u")
        note = "  ".join(f"{n} {numbers[n]:.4f}" for n in shown if n in numbers)
        self.progress.update(step, self.experiment.run.steps, note)

    def _note_means(self) -> None:
        """Gathers the metric state of all workers, which all have to take part."""
        self.means = means.state(self.algorithm.means, self.workers.gather)

    def _note_and_save(self, step: int) -> None:
        self._note_means()
        self._save(step)

    def _save(self, step: int) -> None:
        owners.require(self.path)
        best = results.best_row(self.log.rows)
        # A row of metrics.csv has the numbers logged last, and the next log the means
        # of all steps since: both must be the same after an interruption.
        note = {"numbers": self.numbers, "means": self.means}
        self.checkpoints.save(step, int(best["step"]) if best else None, note)
        remote.update(self.path, self.progress.say)
        self._go_on(step)

    def _go_on(self, step: int) -> None:
        """Restarts the clocks, since only training counts in its speed."""
        self.pace.begin(step)
        self.log.start_clock(step)

    def _poll(self, step: int) -> None:
        """Stops if requested; called periodically while weights are scored."""
        if self._asked_to_stop() and self.workers.number == 1:
            self._save(step)
            raise self._stopped(step)

    def _evaluate(self, step: int) -> None:
        self._note_means()
        owners.require(self.path)
        begun = time.monotonic()
        seconds = self.earlier + begun - self.session_started
        row, scores = self.evaluation(
            step, self.algorithm, self.numbers, seconds, lambda: self._poll(step)
        )
        self.pace.evaluated(time.monotonic() - begun)
        self.progress.say(f"step {step:,}: {scores}")
        if results.best_row(self.log.rows) is row:
            self._save(step)
        else:
            remote.update(self.path, self.progress.say)
        self._go_on(step)

    def _finish(self) -> Dict[str, Any]:
        outcome = results.summarize(self.task, self.log.rows, self.split)
        if self.experiment.run.export:
            export.export(
                "saved_model",
                self.scorer,
                self.algorithm.average.in_network(self.algorithm.network),
                self.task.source.class_names,
                self.path / "export",
                self.task.colours,
                bands=self.experiment.data.bands,
            )
        digests.write(self.path / "results.json", json.dumps(outcome, indent=1))
        return outcome
