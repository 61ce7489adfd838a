"""`--dry_run`: everything a run does, once, on 64 images in a temporary folder."""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile
from typing import Any, Dict, Optional

import keras
import numpy as np

from mixdmt_tf.data import sources
from mixdmt_tf.data.source import Images, Source
from mixdmt_tf.experiments import fit, preparation
from mixdmt_tf.experiments.experiment import Experiment

IMAGES = 64


def rehearse(experiment: Experiment) -> Dict[str, Any]:
    """Copies, a step, evaluation, checkpoint, resumption, another step, export.

    Args:
        experiment: the run to rehearse; its own folder is not touched.

    Returns:
        The results of the rehearsal.
    """
    experiment = preparation.resolve(experiment)
    source = shrink(sources.load(experiment.data), IMAGES)
    with tempfile.TemporaryDirectory(prefix="mixdmt-dry-run-") as folder:
        path = pathlib.Path(folder)
        labels = experiment.data.labels or source.default_labels
        labels = min(labels, int((source.train.labels >= 0).sum()) // 2)
        labels = max(labels, source.num_classes)
        data = dataclasses.replace(
            experiment.data,
            labels=labels,
            validation=None if source.validation is not None else 4,
            split="",
            copies=min(experiment.data.copies, 2),
            cache_dir=str(path / "cache"),
        )
        run = dataclasses.replace(
            experiment.run,
            workdir=str(path / "run"),
            steps=1,
            eval_every=1,
            checkpoint_every=1,
            log_every=1,
        )
        for steps in (1, 2):  # the second time it goes on from the checkpoint
            keras.backend.clear_session()
            now = dataclasses.replace(run, steps=steps)
            results = fit.train(
                dataclasses.replace(experiment, run=now, data=data), source
            )
    return results


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
