"""One training run on images: data, scores, pictures."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, Dict, Optional, Tuple

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf import models
from mixdmt_tf.algorithms import base
from mixdmt_tf.data import pseudo_labels, splits
from mixdmt_tf.data.copies import Copies
from mixdmt_tf.data.pipeline import Pipeline
from mixdmt_tf.data.source import Source
from mixdmt_tf.experiments import (
    detection,
    evaluation,
    preparation,
    results,
    trained,
    transfer,
)
from mixdmt_tf.experiments.experiment import Experiment
from mixdmt_tf.experiments.interrupts import Interrupts
from mixdmt_tf.experiments.recorder import Recorder
from mixdmt_tf.experiments.session import Session


class TrainingRun(Session):
    """One run on images."""

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
        super().__init__(experiment, path, strategy, interrupts)
        self.source = source
        self.class_names = source.class_names
        self.split = preparation.find_split(experiment, path, source)
        self.pseudo = self._pseudo_labels()
        preparation.open_split(experiment, path, source)
        if not experiment.data.pseudo_labels:  # or it was shown with the base model
            print(splits.describe(self.split, source), flush=True)
        self.sets = {
            "validation": splits.validation_images(self.split, source),
            "test": source.test,
        }
        self.detection = detection.open_detection(source, self.split)
        views = self.recipe.unlabeled_views + self.recipe.original_views
        images = experiment.run.batch * (1 + self.recipe.unlabeled_ratio * views)
        self.recorder: Recorder = Recorder(path, source, images)

    def _network(self) -> keras.Model:
        return models.network(self.experiment.run.network).build(
            self.experiment.network, self.source.image_shape, self.source.num_classes
        )

    def _task(self) -> base.Task:
        return base.Task(
            self.source.num_classes,
            len(self.split.labeled),
            self.experiment.run.steps,
            (self.experiment.data.mismatch or 0) / 100,
        )

    def _prepare_scoring(self) -> None:
        source = self.source
        self.scorer = evaluation.Scorer(
            self.experiment.run.network,
            self.experiment.network,
            source.image_shape,
            source.num_classes,
        )
        trained.describe_data(self.path, source)

    def _pipeline(self) -> Pipeline:
        run = self.experiment.run
        pipeline = Pipeline(self.source, self.split, self.recipe, run.seed, run.batch)
        if not self.recipe.unlabeled_views:
            return pipeline
        self._require_unlabeled()
        copies = preparation.unlabeled_copies(self.experiment, self.source, self.split)
        store = preparation.open_copies(self.experiment, copies)
        self._show_copies(copies)
        return dataclasses.replace(
            pipeline, store=store, store_size=len(copies), pseudo=self.pseudo
        )

    def _pseudo_labels(self) -> Optional[pseudo_labels.PseudoLabels]:
        path = self._pseudo_labels_place()
        if path is None:
            return None
        found = pseudo_labels.read(path, self.split, self.source.num_classes)
        transfer.require_labels_of_same_network(found, self.experiment)
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

    def _score(self, step: int, seconds: float) -> Tuple[Dict[str, float], str]:
        def poll() -> None:
            self._poll(step)

        scores = evaluation.evaluate(self.scorer, self.algorithm, self.sets, poll)
        found: Dict[str, float] = {}
        if self.detection:
            found = self.detection.scores(self.scorer, self.algorithm, poll)
        row = self.recorder.record(step, scores, self.numbers, seconds, found)
        errors = "  ".join(
            f"{name} {row[name + '_error']:.2f} % (raw {row[name + '_raw_error']:.2f})"
            for name in self.sets
            if name in scores
        )
        nothing = "no validation or test images to score"
        return row, f"error {errors}" if errors else nothing

    def _summarize(self) -> Dict[str, Any]:
        return results.summarize(
            self.experiment, len(self.split.labeled), self.recorder.rows
        )
