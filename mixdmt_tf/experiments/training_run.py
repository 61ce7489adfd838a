"""One training run: the loop's hooks, and what is written at the end."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import time
from typing import Any, Dict, Optional

import numpy as np
import tensorflow as tf

from mixdmt_tf import algorithms, models
from mixdmt_tf.algorithms import base
from mixdmt_tf.data import pseudo_labels, splits
from mixdmt_tf.data.copies import Copies
from mixdmt_tf.data.pipeline import Pipeline
from mixdmt_tf.data.source import Source
from mixdmt_tf.errors import UsageError
from mixdmt_tf.experiments import (
    checkpoints,
    detection,
    evaluation,
    export,
    loop,
    preparation,
    results,
    trained,
    transfer,
)
from mixdmt_tf.experiments.experiment import Experiment
from mixdmt_tf.experiments.interrupts import Interrupted, Interrupts
from mixdmt_tf.experiments.progress import Progress
from mixdmt_tf.experiments.recorder import Recorder
from mixdmt_tf.files import write_atomically


class TrainingRun:
    """One run: its pieces, and what it does at each event of the loop."""

    def __init__(
        self,
        experiment: Experiment,
        path: pathlib.Path,
        source: Source,
        strategy: tf.distribute.Strategy,
        interrupts: Interrupts,
    ):
        """Makes or reads the split and prints it.

        Args:
            experiment: all settings, resolved.
            path: the run's folder.
            source: the data set.
            strategy: where it runs.
            interrupts: installed signal handlers.
        """
        self.experiment = experiment
        self.path = path
        self.source = source
        self.strategy = strategy
        self.interrupts = interrupts
        self.module = algorithms.algorithm(experiment.algorithm)
        self.split = preparation.open_split(experiment, path, source)
        if not experiment.data.pseudo_labels:  # or it was shown with the base model
            print(splits.describe(self.split, source), flush=True)
        self.sets = {
            "validation": splits.validation_images(self.split, source),
            "test": source.test,
        }
        self.progress = Progress(experiment.algorithm, "steps")
        self.recipe = self.module.Method.recipe(experiment.method)
        self.pseudo = self._pseudo_labels()
        self.detection = detection.open_detection(source, self.split)
        views = self.recipe.unlabeled_views + self.recipe.original_views
        images = experiment.run.batch * (1 + self.recipe.unlabeled_ratio * views)
        self.recorder = Recorder(path, source, images)
        self.numbers: Dict[str, float] = {}

    def complete(self) -> Dict[str, Any]:
        """Trains what is missing, then writes results and the exported model."""
        run = self.experiment.run
        pipeline = self._pipeline()
        config, source = self.experiment.network, self.source
        shape, classes = source.image_shape, source.num_classes
        mismatch = (self.experiment.data.mismatch or 0) / 100
        task = base.Task(classes, len(self.split.labeled), run.steps, mismatch)
        with self.strategy.scope():
            network = models.network(run.network).build(config, shape, classes)
            self.algorithm = self.module.Method(network, self.experiment.method, task)
            self.algorithm.compile()
            state = checkpoints.state(self.algorithm)
        self.scorer = evaluation.Scorer(run.network, config, shape, classes)
        trained.describe_data(self.path, source)
        self.checkpoints = checkpoints.Checkpoints(
            self.path / "checkpoints",
            state,
            self.split.digest() + (self.pseudo.digest() if self.pseudo else ""),
            run.keep_checkpoints,
            self.progress.say,
        )
        start = self.checkpoints.restore() or 0
        if run.init_from and not start:
            network = self.algorithm.network
            names = source.class_names
            print(transfer.initialize(network, self.experiment, names), flush=True)
            self.algorithm.average.restart()
        self._announce(start)
        self._train(pipeline, start)
        return self._finish()

    def _announce(self, start: int) -> None:
        run = self.experiment.run
        self.recorder.read_rows(start)
        self.earlier = self.recorder.rows[-1]["seconds"] if self.recorder.rows else 0.0
        if start == 0:
            groups = [config for _, config in self.experiment.groups]
            dataset = self.experiment.data.dataset
            self.recorder.show_hyper_parameters(
                groups, self.experiment.algorithm, dataset
            )
        devices = self.strategy.num_replicas_in_sync
        print(
            f"{self.experiment.algorithm}: {self.algorithm.network.count_params():,} "
            f"parameters, {run.precision}, {devices} device{'s' * (devices > 1)}, "
            f"run folder {self.path}",
            flush=True,
        )
        if 0 < start < run.steps:
            share = 100 * start / run.steps
            print(f"going on at step {start:,} ({share:.0f} % done)", flush=True)

    def _pipeline(self) -> Pipeline:
        run = self.experiment.run
        pipeline = Pipeline(self.source, self.split, self.recipe, run.seed, run.batch)
        if not self.recipe.unlabeled_views:
            return pipeline
        if not len(self.split.unlabeled):
            raise UsageError(
                f"--algorithm={self.experiment.algorithm} needs unlabelled images, and "
                f"all {len(self.split.labeled)} of {self.source.name} are labelled.\n"
                "Give fewer --labels, or train with bin/train --algorithm=supervised."
            )
        copies = preparation.unlabeled_copies(self.experiment, self.source, self.split)
        store = preparation.open_copies(self.experiment, copies)
        self._show_copies(copies)
        return dataclasses.replace(
            pipeline, store=store, store_size=len(copies), pseudo=self.pseudo
        )

    def _pseudo_labels(self) -> Optional[pseudo_labels.PseudoLabels]:
        given, method = self.experiment.data.pseudo_labels, self.experiment.algorithm
        if not self.recipe.pseudo:
            if given:
                raise UsageError(
                    f"--pseudo_labels: --algorithm={method} learns from none.\n"
                    "Leave it out, or choose a method such as --algorithm=dmt."
                )
            return None
        path = pathlib.Path(given).expanduser()
        found = pseudo_labels.read(path, self.split, self.source.num_classes)
        print(
            f"{int(found.kept.sum()):,} of {len(found.kept):,} unlabelled images have "
            f"pseudo labels, from {path}",
            flush=True,
        )
        return found

    def _show_copies(self, copies: Copies) -> None:
        images, shown = min(8, len(copies.ids)), min(9, max(copies.count, 1))
        items = np.arange(images)[:, None] + np.arange(shown) * len(copies.ids)
        pictures = copies.maker()(tf.constant(items.ravel(), tf.int64)).numpy()
        pictures = pictures.reshape((images, shown) + copies.item_shape)
        self.recorder.show_copies(pictures, copies.images[copies.ids[:images]])

    def _train(self, pipeline: Pipeline, start: int) -> None:
        run = self.experiment.run
        self.session_started = time.monotonic()
        self.recorder.start_clock(start)
        schedule = loop.Schedule(
            run.steps,
            run.eval_every,
            run.checkpoint_every,
            run.log_every,
            run.steps_per_execution,
        )
        hooks = loop.Hooks(
            self._log, self._evaluate, self._save, self._show, self._asked_to_stop
        )
        evaluated = {int(row["step"]) for row in self.recorder.rows}
        self.interrupts.deferred = True
        try:
            done = loop.train(
                self.algorithm,
                pipeline,
                self.strategy,
                schedule,
                hooks,
                start,
                evaluated,
                run.jit_compile == "on",
            )
        finally:
            self.interrupts.deferred = False
            self.progress.close()
            self.recorder.close()
        if done < run.steps or self._asked_to_stop():
            raise self._stopped(done)

    def _stopped(self, step: int) -> Interrupted:
        return Interrupted(
            self.interrupts.requested,
            f"stopped after step {step:,}, saved; the same command goes on",
        )

    def _asked_to_stop(self) -> bool:
        return self.interrupts.requested is not None

    def _log(self, step: int, numbers: Dict[str, float]) -> None:
        self.numbers = numbers
        rate = float(tf.convert_to_tensor(self.algorithm.optimizer.learning_rate))
        self.recorder.log(step, {**numbers, "learning_rate": rate})

    def _show(self, step: int, numbers: Dict[str, float]) -> None:
        shown = ("loss", "loss_x", "loss_u")
        note = "  ".join(f"{n} {numbers[n]:.4f}" for n in shown if n in numbers)
        self.progress.update(step, self.experiment.run.steps, note)

    def _save(self, step: int) -> None:
        best = results.best_row(self.recorder.rows)
        self.checkpoints.save(step, int(best["step"]) if best else None)

    def _evaluate(self, step: int) -> None:
        def poll() -> None:
            if self._asked_to_stop():
                self._save(step)
                raise self._stopped(step)

        scores = evaluation.evaluate(self.scorer, self.algorithm, self.sets, poll)
        found: Dict[str, float] = {}
        if self.detection:
            found = self.detection.scores(self.scorer, self.algorithm, poll)
        seconds = self.earlier + time.monotonic() - self.session_started
        row = self.recorder.record(step, scores, self.numbers, seconds, found)
        errors = "  ".join(
            f"{name} {row[name + '_error']:.2f} % (raw {row[name + '_raw_error']:.2f})"
            for name in self.sets
            if name in scores
        )
        nothing = "no validation or test images to score"
        self.progress.say(f"step {step:,}: {'error ' + errors if errors else nothing}")
        if results.best_row(self.recorder.rows) is row:
            self._save(step)

    def _finish(self) -> Dict[str, Any]:
        outcome = results.summarize(
            self.experiment, len(self.split.labeled), self.recorder.rows
        )
        if self.experiment.run.export:
            weights = self.algorithm.average.in_network(self.algorithm.network)
            names = self.source.class_names
            folder = self.path / "export"
            export.export("saved_model", self.scorer, weights, names, folder)
        write_atomically(self.path / "results.json", json.dumps(outcome, indent=1))
        return outcome
