"""The task of semantic segmentation: data, batches, network, and scores of a run."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from typing import Any, Dict, List, Mapping, Optional

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.data.part import Part
from mixdmt_tf.data.segmentation import pseudo_labels, splits
from mixdmt_tf.data.segmentation.pipeline import Pipeline
from mixdmt_tf.data.segmentation.source import Source
from mixdmt_tf.data.splits import Split
from mixdmt_tf.errors import UsageError
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.rows import Row
from mixdmt_tf.runs.splits import require_unlabeled
from mixdmt_tf.runs.task import Task
from mixdmt_tf.tasks.segmentation import dry_run, preparation, results
from mixdmt_tf.tasks.segmentation.evaluation import Evaluation
from mixdmt_tf.tasks.segmentation.recorder import Recorder
from mixdmt_tf.tasks.segmentation.rounds import Rounds
from mixdmt_tf.tasks.segmentation.scoring import Scorer


class Segmentation:
    """The task of `mixdmt_tf.runs.task.Task` for images with a class per pixel."""

    measure = "miou"

    def __init__(self, experiment: Experiment, source: Optional[Source] = None):
        """Initializes the task.

        Args:
            experiment: all settings.
            source: the data set; by default it is opened when it is needed.
        """
        self.experiment = experiment
        self._given = source

    @functools.cached_property
    def source(self) -> Source:
        """The data set; its images are read when they are needed."""
        return self._given or preparation.open_source(self.experiment.data)

    @property
    def colours(self) -> np.ndarray:
        """Colours of the classes in label maps, uint8 [C, 3]."""
        return np.asarray(self.source.colours)

    def replace(self, experiment: Experiment) -> Segmentation:
        """Returns a task on the same data with other settings."""
        return Segmentation(experiment, self.__dict__.get("source", self._given))

    def small(self, folder: pathlib.Path) -> Task:
        """Returns the same task on a few of its images, for a dry run."""
        return dry_run.small(self, folder)

    def resolve(self) -> Experiment:
        """Fills in the length of the run, which depends on the number of images."""
        return preparation.resolve(self)

    def draw_split(self) -> Split:
        """Draws the split that the settings describe with the run's seed."""
        data, seed = self.experiment.data, self.experiment.run.seed
        labels = data.labels or None
        return splits.make_split(self.source, labels, seed, data.labeled_list)

    def read_split(self, path: pathlib.Path) -> Split:
        """Reads a `split.json` and checks that it fits the data."""
        return splits.read_split(path, self.source)

    def describe_split(self, split: Split) -> str:
        """Describes the number of images, and whether the split is a published one."""
        data = self.experiment.data
        described = preparation.describe(split, self.source)
        if data.validation and data.dataset not in ("mask_folder", "coco"):
            described += (
                f"\n--validation={data.validation} does not count: {data.dataset} has "
                "its own validation images"
            )
        return described

    def check_files(self, folder: pathlib.Path, split: Split) -> None:
        """Reads all files once, unless `folder` records that this was done."""
        preparation.check(folder, self.source, split)

    def require(self, split: Split, replicas: int) -> None:
        """Checks that the method can learn from the split."""
        run, recipe = self.experiment.run, self._recipe()
        unlabeled = run.batch * recipe.unlabeled_ratio
        if unlabeled:
            require_unlabeled(self.experiment, split)
        if recipe.boxes and unlabeled % (2 * replicas):
            raise UsageError(
                f"--algorithm={self.experiment.algorithm} pairs unlabelled images, and "
                f"--batch={run.batch} times --unlabeled_ratio="
                f"{recipe.unlabeled_ratio} is odd on a device"
            )

    def read_pseudo_labels(
        self, place: pathlib.Path, split: Split
    ) -> pseudo_labels.PseudoLabels:
        """Opens a folder of pseudo labels."""
        return pseudo_labels.read(place, split, self.source.num_classes)

    def share_copies(self, split: Split, part: Part) -> None:
        """Does nothing, since crops are not stored."""

    def pipeline(
        self,
        split: Split,
        pseudo: Optional[pseudo_labels.PseudoLabels],
        replicas: int,
    ) -> Pipeline:
        """Returns the pipeline of batches of crops."""
        run, data, recipe = self.experiment.run, self.experiment.data, self._recipe()
        self.require(split, replicas)
        return Pipeline(
            self.source,
            split,
            run.seed,
            run.batch,
            run.batch * recipe.unlabeled_ratio,
            pseudo,
            recipe.boxes,
            data.crop_size,
            data.scale_range,
            recipe.keys,
        )

    def _recipe(self) -> Any:
        method = self.experiment.method_class()
        return method.recipe(self.experiment.method)

    def show_inputs(self, log: Recorder, pipeline: Pipeline) -> None:
        """Logs a few augmented images with their label maps or pseudo labels."""
        batch = pipeline.at(0)
        images, labels = batch["x"], batch["y"]
        if pipeline.guesses:
            images = tf.concat([images, batch["u"]], 0)
            labels = tf.concat([labels, batch["u_label"]], 0)
        log.show_batch(images[:8].numpy(), labels[:8].numpy())

    def begin(self, algorithm: base.Algorithm, pipeline: Pipeline, folder: Any) -> None:
        """Starts the method."""
        algorithm.begin(pipeline)

    def network(self) -> keras.Model:
        """Builds the untrained network."""
        crop = self.experiment.data.crop_size or self.source.crop
        return self.experiment.network.build_segmenter(
            (*crop, self.source.channels), self.source.num_classes
        )

    def initialize(self, network: keras.Model) -> Optional[str]:
        """Loads the published weights that the network starts from, if any."""
        return self.experiment.network.initialize(network)

    def facts(self, split: Split) -> base.RunFacts:
        """Returns facts about the run that the algorithm needs."""
        return base.RunFacts(
            self.source.num_classes,
            len(split.labeled),
            self.experiment.run.steps,
            **self.experiment.network.layer_rates(),
        )

    def log(self, folder: pathlib.Path) -> Recorder:
        """Opens the run's TensorBoard files and `metrics.csv`."""
        images = self.experiment.run.batch * self._recipe().images_per_label
        return Recorder(folder, self.source, images)

    def scorer(self) -> Scorer:
        """Returns a scorer for the experiment's network."""
        return Scorer(
            self.experiment.network,
            self.source.num_classes,
            self.source.channels,
        )

    def evaluation(self, split: Split, scorer: Scorer, log: Recorder) -> Evaluation:
        """Returns the evaluation of mean IoU on validation and test images."""
        sets = {"validation": self.source.validation, "test": self.source.test}
        return Evaluation(scorer, log, sets)

    def model_facts(self) -> Dict[str, Any]:
        """Returns colours of the classes and settings of the network, to be saved.

        If two networks teach each other, either may be the result, so the settings in
        the run's folder may be those of the other one.
        """
        return {
            "image_shape": [None, None, self.source.channels],
            "class_names": list(self.source.class_names),
            "colours": self.colours.tolist(),
            "network": dataclasses.asdict(self.experiment.network),
        }

    def load_scorer(self, facts: Mapping[str, Any]) -> Scorer:
        """Returns the scorer of a trained run, from the facts of `model_facts`."""
        network = type(self.experiment.network)(**facts["network"])
        return Scorer(network, len(facts["class_names"]), facts["image_shape"][-1])

    def summarize(self, rows: List[Row]) -> Dict[str, Any]:
        """Returns the scores for `results.json`."""
        return results.summarize(
            rows, self.source.class_names, preparation.test_set(self.source)
        )

    def rounds(self, folder: pathlib.Path, split: Split) -> Rounds:
        """Returns the hooks for the outer loop of a run in rounds."""
        return Rounds(self, folder, split)

    def describe(self, results_: Mapping[str, Any]) -> str:
        """Formats the results as a few lines for the terminal."""
        return results.describe(results_)
