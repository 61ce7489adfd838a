"""One training run, whatever it learns from: its hooks, and what comes around them.

`training_run.py` has what is particular to images, `scenes/run.py` to scenes.
"""

from __future__ import annotations

import json
import pathlib
import time
from typing import Any, Dict, Mapping, Optional, Tuple

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf.algorithms import base, means
from mixdmt_tf.errors import UsageError
from mixdmt_tf.experiments import (
    checkpoints,
    export,
    loop,
    preparation,
    results,
    transfer,
)
from mixdmt_tf.experiments.experiment import Experiment
from mixdmt_tf.experiments.interrupts import Interrupted, Interrupts
from mixdmt_tf.experiments.log import Log
from mixdmt_tf.experiments.progress import Progress
from mixdmt_tf.files import write_atomically


class Session:
    """The pieces of a run, and what it does at each event of the loop.

    Subclasses set these before `complete` and write the methods that raise here.

    Attributes:
        split: which pictures are labelled.
        class_names: of the classes 0, 1, ...
        colours: of the classes, uint8 [C, 3]; None unless of scenes.
        recorder: of numbers and pictures.
        pseudo: the pseudo labels that are learnt from; None: none.
        sets: what is scored, by name; None for what there is nothing of.
        scorer: predicts with any weights.
    """

    split: Any
    class_names: Tuple[str, ...]
    colours: Optional[np.ndarray] = None
    recorder: Log
    pseudo: Any
    sets: Mapping[str, Any]
    scorer: Any

    def __init__(
        self,
        experiment: Experiment,
        path: pathlib.Path,
        strategy: tf.distribute.Strategy,
        interrupts: Interrupts,
    ):
        """Remembers them.

        Args:
            experiment: all settings, resolved.
            path: the run's folder.
            strategy: where it runs.
            interrupts: installed signal handlers.
        """
        self.experiment = experiment
        self.path = path
        self.strategy = strategy
        self.interrupts = interrupts
        self.module = experiment.find_algorithm()
        self.recipe = self.module.Method.recipe(experiment.method)
        self.progress = Progress(experiment.algorithm, "steps")
        self.numbers: Dict[str, float] = {}

    def complete(self) -> Dict[str, Any]:
        """Trains what is missing, then writes results and the exported model."""
        run = self.experiment.run
        pipeline = self._pipeline()
        with self.strategy.scope():
            self.algorithm = self.module.Method(
                self._network(), self.experiment.method, self._task()
            )
            self.algorithm.compile()
            state = checkpoints.state(self.algorithm)
        self._prepare_scoring()
        self.checkpoints = checkpoints.Checkpoints(
            self.path / "checkpoints",
            state,
            self.split.digest() + (self.pseudo.digest() if self.pseudo else ""),
            run.keep_checkpoints,
            self.progress.say,
        )
        start = self.checkpoints.restore() or 0
        note = self.checkpoints.note
        self.numbers = note.get("numbers", {})
        means.restore(self.algorithm.means, note.get("means", {}))
        if not start:
            self._initialize(self.algorithm.network)
        self._announce(start)
        self._train(pipeline, start)
        return self._finish()

    def _pseudo_labels_place(self) -> Optional[pathlib.Path]:
        """Where the pseudo labels are that the method learns from; None: from none.

        Raises:
            UsageError: if some are given to a method that learns from none.
        """
        given, method = self.experiment.data.pseudo_labels, self.experiment.algorithm
        if self.recipe.pseudo:
            return pathlib.Path(given).expanduser()
        if given:
            raise UsageError(
                f"--pseudo_labels: --algorithm={method} learns from none.\n"
                "Leave it out, or choose a method such as --algorithm=dmt."
            )
        return None

    def _require_unlabeled(self) -> None:
        """Refuses a split without unlabelled pictures, for methods that need some."""
        if not len(self.split.unlabeled):
            raise UsageError(
                f"--algorithm={self.experiment.algorithm} needs unlabelled images, and "
                f"all {len(self.split.labeled)} of {self.split.dataset} are labelled.\n"
                "Give fewer --labels, or train with bin/train --algorithm=supervised."
            )

    def _pipeline(self) -> Any:
        """The batches."""
        raise NotImplementedError

    def _network(self) -> keras.Model:
        """The network, untrained."""
        raise NotImplementedError

    def _task(self) -> base.Task:
        """What the method must know."""
        raise NotImplementedError

    def _prepare_scoring(self) -> None:
        """Makes the scorer, and notes for others what the network is for."""
        raise NotImplementedError

    def _score(self, step: int, seconds: float) -> Tuple[Dict[str, float], str]:
        """Scores the weights and records it: the row, and it in words."""
        raise NotImplementedError

    def _summarize(self) -> Dict[str, Any]:
        """What `results.json` is to hold."""
        raise NotImplementedError

    def _initialize(self, network: keras.Model) -> None:
        """What a new run begins with, if not with random weights."""
        if self.experiment.run.init_from:
            said = transfer.initialize(network, self.experiment, self.class_names)
            print(said, flush=True)
            self.algorithm.average.restart()
            if self.algorithm.has_peer:
                said = transfer.initialize(
                    self.algorithm.peer, self.experiment, self.class_names, True
                )
                print(f"the second network: {said}", flush=True)

    def _announce(self, start: int) -> None:
        run = self.experiment.run
        self.recorder.read_rows(start)
        self.earlier = self.recorder.rows[-1]["seconds"] if self.recorder.rows else 0.0
        if start == 0:
            warning = preparation.warning_of_average(self.experiment.method, run.steps)
            if warning and run.steps > 2:  # a rehearsal has no more
                print(warning, flush=True)
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

    def _train(self, pipeline: Any, start: int) -> None:
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
        # A row of metrics.csv has what was logged last, and the next log has the mean
        # of all steps since: both must be the same after an interruption.
        note = {"numbers": self.numbers, "means": means.state(self.algorithm.means)}
        self.checkpoints.save(step, int(best["step"]) if best else None, note)

    def _poll(self, step: int) -> None:
        """Called now and then while weights are scored; stops if that was asked for."""
        if self._asked_to_stop():
            self._save(step)
            raise self._stopped(step)

    def _evaluate(self, step: int) -> None:
        seconds = self.earlier + time.monotonic() - self.session_started
        row, said = self._score(step, seconds)
        self.progress.say(f"step {step:,}: {said}")
        if results.best_row(self.recorder.rows) is row:
            self._save(step)

    def _finish(self) -> Dict[str, Any]:
        outcome = self._summarize()
        if self.experiment.run.export:
            weights = self.algorithm.average.in_network(self.algorithm.network)
            folder = self.path / "export"
            export.export(
                "saved_model",
                self.scorer,
                weights,
                self.class_names,
                folder,
                self.colours,
            )
        write_atomically(self.path / "results.json", json.dumps(outcome, indent=1))
        return outcome
