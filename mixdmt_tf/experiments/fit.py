"""From settings to a trained, scored and exported model."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import time
from typing import Any, Dict, Optional

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf import algorithms, models
from mixdmt_tf.algorithms import base
from mixdmt_tf.data import sources, splits
from mixdmt_tf.data.copies import Copies
from mixdmt_tf.data.pipeline import Pipeline
from mixdmt_tf.data.precomputed import open_store
from mixdmt_tf.data.source import Source
from mixdmt_tf.experiments import (
    checkpoints,
    evaluation,
    export,
    loop,
    results,
    runtime,
    trained,
)
from mixdmt_tf.experiments.experiment import Experiment
from mixdmt_tf.experiments.files import write_atomically
from mixdmt_tf.experiments.interrupts import Interrupted, Interrupts
from mixdmt_tf.experiments.progress import Progress
from mixdmt_tf.experiments.recorder import Recorder
from mixdmt_tf.experiments.run_folder import RunFolder, default_path, read_results

SAMPLE = 64  # images that an exported model is compared on


def train(experiment: Experiment, source: Optional[Source] = None) -> Dict[str, Any]:
    """Trains, or goes on training, in the experiment's run folder.

    Args:
        experiment: all settings.
        source: the data set; loaded as the settings say if not given.

    Returns:
        What `results.json` holds.

    Raises:
        UserError: for everything that the user can put right.
        Interrupted: after a signal; the same call goes on.
    """
    run = runtime.resolve(experiment.run)
    path = pathlib.Path(run.workdir) if run.workdir else default_path(experiment)
    experiment = dataclasses.replace(
        experiment, run=dataclasses.replace(run, workdir=str(path))
    )
    with RunFolder(path, experiment), Interrupts() as interrupts:
        strategy = runtime.start(experiment.run)
        source = source or sources.load(experiment.data)
        outcome = _Run(experiment, path, source, strategy, interrupts).complete()
        if experiment.run.compare_supervised and experiment.algorithm != "supervised":
            outcome.update(_supervised(experiment, path, source))
            write_atomically(path / "results.json", json.dumps(outcome, indent=1))
    return outcome


def _supervised(experiment: Experiment, path: pathlib.Path, source: Source):
    """Trains on the labels alone, everything else being equal; its errors."""
    known = read_results(path / "supervised")
    if known and known["steps"] == experiment.run.steps:
        baseline = known
    else:
        print("the same labels and steps without unlabelled images:", flush=True)
        keras.backend.clear_session()
        config = algorithms.algorithm("supervised").Config
        shared = {
            field.name: getattr(experiment.method, field.name)
            for field in dataclasses.fields(config)
        }
        run = dataclasses.replace(experiment.run, workdir=str(path / "supervised"))
        split = str(path / "split.json")
        data = dataclasses.replace(experiment.data, split=split)
        baseline = train(
            dataclasses.replace(
                experiment,
                run=dataclasses.replace(
                    run, algorithm="supervised", compare_supervised=False
                ),
                data=data,
                method=config(**shared),
            ),
            source,
        )
    return {
        "supervised_error": baseline["test_error"],
        "supervised_error_raw": baseline["test_error_raw"],
    }


def open_split(experiment: Experiment, path: pathlib.Path, source: Source):
    """The run's split: the folder's own, the one of `--split`, or a new one."""
    own = path / "split.json"
    data = experiment.data
    if own.exists():
        return splits.read_split(own, source)
    if data.split:
        split = splits.read_split(pathlib.Path(data.split), source)
    else:
        split = splits.make_split(
            source, data.labels, data.validation, experiment.run.seed
        )
    splits.write_split(own, split)
    return split


def unlabeled_copies(experiment: Experiment, source: Source, split) -> Copies:
    """The pictures of the unlabelled stream."""
    data = experiment.data
    return Copies(
        source.train.images,
        split.unlabeled,
        data.copies,
        data.copies_augment,
        experiment.run.seed,
        source.fingerprint(),
        source.crop_padding,
        source.flip,
    )


class _Run:
    """The pieces of one training run, put together."""

    def __init__(self, experiment, path, source, strategy, interrupts):
        self.experiment = experiment
        self.path = path
        self.source = source
        self.strategy = strategy
        self.interrupts = interrupts
        self.module = algorithms.algorithm(experiment.algorithm)
        self.split = open_split(experiment, path, source)
        print(splits.describe(self.split, source), flush=True)
        self.sets = {
            "validation": splits.validation_images(self.split, source),
            "test": source.test,
        }
        self.progress = Progress(experiment.algorithm, "steps")
        self.recipe = self.module.Method.recipe(experiment.method)
        views = 1 + self.recipe.unlabeled_views
        self.recorder = Recorder(path, source, experiment.run.batch * views)
        self.numbers: Dict[str, float] = {}

    def complete(self) -> Dict[str, Any]:
        """Trains what is missing, then writes results and the exported model."""
        run = self.experiment.run
        pipeline = self._pipeline()
        with self.strategy.scope():
            network = models.network(run.network).build(
                self.experiment.network, self.source.image_shape, self.source.num_classes
            )
            task = base.Task(
                self.source.num_classes, len(self.split.labeled), run.steps
            )
            self.algorithm = self.module.Method(network, self.experiment.method, task)
            self.algorithm.compile()
            state = checkpoints.state(self.algorithm)
        source = self.source
        self.scorer = evaluation.Scorer(
            run.network, self.experiment.network, source.image_shape, source.num_classes
        )
        trained.describe_data(self.path, source)
        self.checkpoints = checkpoints.Checkpoints(
            self.path / "checkpoints",
            state,
            self.split.digest(),
            run.keep_checkpoints,
            self.progress.say,
        )
        start = self.checkpoints.restore() or 0
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
        run, data = self.experiment.run, self.experiment.data
        pipeline = Pipeline(self.source, self.split, self.recipe, run.seed, run.batch)
        if not self.recipe.unlabeled_views:
            return pipeline
        copies = unlabeled_copies(self.experiment, self.source, self.split)
        making = Progress("copies", "pictures")
        store = open_store(
            copies, data.copies_store, data.cache_folder(), making.update
        )
        making.close()
        self._show_copies(copies)
        return dataclasses.replace(pipeline, store=store, store_size=len(copies))

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
        if done < run.steps:
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
        self.recorder.log(step, numbers)

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
        seconds = self.earlier + time.monotonic() - self.session_started
        row = self.recorder.record(step, scores, self.numbers, seconds)
        errors = "  ".join(
            f"{name} {row[name + '_error']:.2f} % (raw {row[name + '_raw_error']:.2f})"
            for name in self.sets
            if name in scores
        )
        self.progress.say(f"step {step:,}: error {errors}")
        if results.best_row(self.recorder.rows) is row:
            self._save(step)

    def _finish(self) -> Dict[str, Any]:
        outcome = results.summarize(self.experiment, self.recorder.rows)
        weights = self.algorithm.average.in_network(self.algorithm.network)
        sample = (self.source.test or self.source.train).images[:SAMPLE]
        export.export_saved_model(
            self.scorer, weights, self.source.class_names, self.path / "export", sample
        )
        write_atomically(self.path / "results.json", json.dumps(outcome, indent=1))
        return outcome
