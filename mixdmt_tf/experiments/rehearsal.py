"""`--dry_run`: everything a run does, once, on 64 images in a temporary folder."""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile
from typing import Any, Dict, Optional

import keras
import numpy as np

from mixdmt_tf.data import pseudo_labels, sources
from mixdmt_tf.data.source import Images, Source
from mixdmt_tf.experiments import fit, preparation, runtime
from mixdmt_tf.experiments.experiment import Experiment
from mixdmt_tf.experiments.interrupts import Interrupts
from mixdmt_tf.experiments.loops import rounds
from mixdmt_tf.experiments.run_folder import RunFolder

IMAGES = 64
ROUNDS = 2  # of a run in rounds


def rehearse(experiment: Experiment) -> Dict[str, Any]:
    """Copies, a step, evaluation, checkpoint, resumption, another step, export.

    A run in rounds does so with the base model and each of two rounds. A base model or
    pseudo labels that it is given know nothing of the few images, so they are looked
    at and then made anew.

    Args:
        experiment: the run to rehearse; its own folder is not touched.

    Returns:
        The results of the rehearsal.

    Raises:
        UserError: for everything that the user can put right.
    """
    whole = sources.load(experiment.data)
    experiment = preparation.resolve(_without_files(experiment, whole))
    in_rounds = preparation.in_rounds(experiment)
    source = shrink(whole, IMAGES)
    with tempfile.TemporaryDirectory(prefix="mixdmt-dry-run-") as folder:
        path = pathlib.Path(folder)
        labels = experiment.data.labels or source.default_labels
        labels = min(labels, int((source.train.labels >= 0).sum()) // 2)
        labels = max(labels, source.num_classes)
        held_out = 0 if experiment.data.validation == 0 else 4
        data = dataclasses.replace(
            experiment.data,
            labels=labels,
            validation=None if source.validation is not None else held_out,
            split="",
            copies=min(experiment.data.copies, 2),
            cache_dir=str(path / "cache"),
        )
        run = dataclasses.replace(
            experiment.run,
            workdir=str(path / "run"),
            eval_every=1,
            checkpoint_every=1,
            log_every=1,
        )
        if in_rounds:
            return _twice(dataclasses.replace(experiment, run=run, data=data), source)
        for steps in (1, 2):  # the second time it goes on from the checkpoint
            keras.backend.clear_session()
            now = dataclasses.replace(run, steps=steps)
            results = fit.train(
                dataclasses.replace(experiment, run=now, data=data), source
            )
    return results


def _without_files(experiment: Experiment, source: Source) -> Experiment:
    """Without what belongs to all the images, if it is what the run can use.

    Only methods in rounds learn from pseudo labels; others refuse them by themselves.
    """
    if experiment.find_algorithm().Method.loop != "rounds":
        return experiment
    run, data, method = experiment.run, experiment.data, experiment.method
    if data.pseudo_labels:
        path = pathlib.Path(data.pseudo_labels).expanduser()
        split = preparation.draw_split(experiment, source)
        pseudo_labels.read(path, split, source.num_classes)
        method = dataclasses.replace(method, rounds=1, models=1, select_on="last")
        data = dataclasses.replace(data, pseudo_labels="")
    elif run.init_from:
        rounds.require_base(
            experiment, preparation.draw_split(experiment, source), source
        )
    run = dataclasses.replace(run, steps=None, init_from="")
    return dataclasses.replace(experiment, run=run, data=data, method=method)


def _twice(experiment: Experiment, source: Source) -> Dict[str, Any]:
    """A run in rounds with a step of everything, which then goes on for another."""
    number = min(experiment.method.rounds, ROUNDS)
    method = dataclasses.replace(
        experiment.method, rounds=number, fractions="", base_steps=2, round_steps=2
    )
    run = runtime.resolve(experiment.run)
    experiment = dataclasses.replace(experiment, run=run, method=method)
    path = pathlib.Path(run.workdir)

    def first_step(stage: Experiment, source: Source) -> Dict[str, Any]:
        short = dataclasses.replace(stage.run, steps=1)
        return fit.train(dataclasses.replace(stage, run=short), source)

    with RunFolder(path, experiment), Interrupts():
        runtime.start(run)
        rounds.complete(experiment, path, source, first_step)
    keras.backend.clear_session()
    return fit.train(experiment, source)


def shrink(source: Source, images: int) -> Source:
    """A source with few images, all classes among them."""
    images = max(images, 4 * source.num_classes)

    def few(part: Optional[Images]) -> Optional[Images]:
        if part is None or len(part) <= images:
            return part
        return part.take(chosen(part))

    def chosen(part: Images) -> np.ndarray:
        if len(part) <= images:
            return np.arange(len(part))
        # Class by class in turn, so that every class is there.
        order = np.argsort(part.labels, kind="stable")
        rank = np.empty(len(part), np.int64)
        rank[order] = np.arange(len(part))
        first = {label: rank[part.labels == label].min() for label in set(part.labels)}
        turn = rank - np.array([first[label] for label in part.labels])
        return np.sort(np.lexsort((part.labels, turn))[:images])

    return dataclasses.replace(
        source,
        train=few(source.train),
        test=few(source.test),
        validation=few(source.validation),
        pool=None if source.pool is None else source.pool[chosen(source.train)],
    )
