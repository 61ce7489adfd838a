"""`--dry_run`: everything a run does, once, on few pictures in a temporary folder."""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile
from typing import Any, Dict, Optional, Tuple

import keras
import numpy as np

from mixdmt_tf.data import pseudo_labels, scenes, sources
from mixdmt_tf.data.scenes import pseudo_labels as scene_pseudo_labels
from mixdmt_tf.data.scenes import splits
from mixdmt_tf.data.scenes.source import Scenes
from mixdmt_tf.data.source import Images, Source
from mixdmt_tf.experiments import fit, preparation, runtime, transfer
from mixdmt_tf.experiments.experiment import Experiment
from mixdmt_tf.experiments.interrupts import Interrupts
from mixdmt_tf.experiments.loops import rounds
from mixdmt_tf.experiments.run_folder import RunFolder
from mixdmt_tf.experiments.scenes import preparation as scene_preparation
from mixdmt_tf.experiments.scenes import rehearsal as scene_rehearsal

IMAGES = 64
ROUNDS = 2  # of a run in rounds


def rehearse(experiment: Experiment) -> Dict[str, Any]:
    """Copies, a step, evaluation, checkpoint, resumption, another step, export.

    A run in rounds does so with the base model and each of two rounds. A base model or
    pseudo labels that it is given know nothing of the few images or scenes, so they are
    looked at and then made anew.

    Args:
        experiment: the run to rehearse; its own folder is not touched.

    Returns:
        The results of the rehearsal.

    Raises:
        UserError: for everything that the user can put right.
    """
    whole = (scenes if experiment.scenes else sources).load(experiment.data)
    experiment = preparation.resolve(_without_files(experiment, whole))
    if experiment.scenes:
        experiment = scene_preparation.resolve(experiment, whole)
    in_rounds = preparation.in_rounds(experiment)
    steps = experiment.run.steps
    warning = steps and preparation.warning_of_average(experiment.method, steps)
    if warning:
        print(warning, flush=True)
    with tempfile.TemporaryDirectory(prefix="mixdmt-dry-run-") as folder:
        path = pathlib.Path(folder)
        small = _small_scenes if experiment.scenes else _small_images
        data, source = small(experiment, whole, path)
        run = dataclasses.replace(
            experiment.run,
            workdir=str(path / "run"),
            eval_every=1,
            checkpoint_every=1,
            log_every=1,
        )
        if in_rounds:
            return _twice(dataclasses.replace(experiment, run=run, data=data), source)
        for few in (1, 2):  # the second time it goes on from the checkpoint
            keras.backend.clear_session()
            now = dataclasses.replace(run, steps=few)
            results = fit.train(
                dataclasses.replace(experiment, run=now, data=data), source
            )
    return results


def _small_images(
    experiment: Experiment, whole: Source, path: pathlib.Path
) -> Tuple[Any, Source]:
    """Settings of the data, and few images."""
    source = shrink(whole, IMAGES)
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
    return data, source


def _small_scenes(
    experiment: Experiment, whole: Scenes, path: pathlib.Path
) -> Tuple[Any, Scenes]:
    """Settings of the data, and few scenes."""
    split = preparation.draw_split(experiment, whole)
    method = experiment.find_algorithm().Method
    if method.recipe(experiment.method).unlabeled_ratio and not len(split.unlabeled):
        return experiment.data, whole  # will be refused, saying how many there are
    source, split = scene_rehearsal.few(whole, split)
    splits.write_split(path / "split.json", split)
    data = dataclasses.replace(
        experiment.data, labels="", labeled_list="", split=str(path / "split.json")
    )
    return data, source


def _without_files(experiment: Experiment, source: preparation.AnySource) -> Experiment:
    """Without what belongs to all the images, if it is what the run can use.

    Only methods in rounds learn from pseudo labels; others refuse them by themselves.
    """
    if experiment.find_algorithm().Method.loop != "rounds":
        return experiment
    run, data, method = experiment.run, experiment.data, experiment.method
    if data.pseudo_labels:
        path = pathlib.Path(data.pseudo_labels).expanduser()
        split = preparation.draw_split(experiment, source)
        module = scene_pseudo_labels if experiment.scenes else pseudo_labels
        pseudo = module.read(path, split, source.num_classes)
        transfer.require_labels_of_same_network(pseudo, experiment)
        method = dataclasses.replace(method, rounds=1, models=1, select_on="last")
        if run.init_from:
            folder = pathlib.Path(run.init_from).expanduser()
            transfer.require_same_network(folder, experiment)
        data = dataclasses.replace(data, pseudo_labels="")
    elif run.init_from:
        rounds.require_base(
            experiment, preparation.draw_split(experiment, source), source
        )
    run = dataclasses.replace(run, steps=None, init_from="")
    return dataclasses.replace(experiment, run=run, data=data, method=method)


def _twice(experiment: Experiment, source: preparation.AnySource) -> Dict[str, Any]:
    """A run in rounds with a step of everything, which then goes on for another."""
    number = min(experiment.method.rounds, ROUNDS)
    method = dataclasses.replace(
        experiment.method, rounds=number, fractions="", base_steps=2, round_steps=2
    )
    if experiment.scenes:  # a round goes on with the labels that it began with
        method = dataclasses.replace(method, keep_pseudo_labels=True)
    run = runtime.resolve(experiment.run)
    experiment = dataclasses.replace(experiment, run=run, method=method)
    path = pathlib.Path(run.workdir)

    def first_step(stage: Experiment, source: preparation.AnySource) -> Dict[str, Any]:
        short = dataclasses.replace(stage.run, steps=1)
        return fit.train(dataclasses.replace(stage, run=short), source)

    with RunFolder(path, experiment), Interrupts():
        runtime.start(run)
        fit.complete_rounds(experiment, path, source, first_step)
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
