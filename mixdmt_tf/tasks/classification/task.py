"""The task of image classification: data, batches, network, and scores of a run."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from typing import Any, Dict, List, Mapping, Optional

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf.algorithms import base
from mixdmt_tf.data.classification import datasets, pseudo_labels, splits
from mixdmt_tf.data.classification.pipeline import Pipeline
from mixdmt_tf.data.classification.source import Source
from mixdmt_tf.data.part import Part
from mixdmt_tf.data.pixels import to_float
from mixdmt_tf.data.splits import Split
from mixdmt_tf.errors import UsageError
from mixdmt_tf.files import write_atomically
from mixdmt_tf.models import label_pairs
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.rows import Row
from mixdmt_tf.runs.splits import choose_split, require_unlabeled
from mixdmt_tf.runs.task import Task
from mixdmt_tf.tasks.classification import (
    detection,
    dry_run,
    fixed_scores,
    noise,
    preparation,
    results,
    several_labels,
)
from mixdmt_tf.tasks.classification.evaluation import Evaluation
from mixdmt_tf.tasks.classification.label_scoring import LabelScorer
from mixdmt_tf.tasks.classification.recorder import Recorder
from mixdmt_tf.tasks.classification.rounds import Rounds
from mixdmt_tf.tasks.classification.scoring import Scorer

SKIPPED = "skipped_images.txt"


class Classification:
    """The task of `mixdmt_tf.runs.task.Task` for images with a class or labels."""

    measure = "error"
    colours: Optional[np.ndarray] = None

    def __init__(self, experiment: Experiment, source: Optional[Source] = None):
        """Initializes the task.

        Args:
            experiment: all settings.
            source: the data set; by default it is loaded when it is needed.
        """
        self.experiment = experiment
        self._given = source

    @functools.cached_property
    def source(self) -> Source:
        """The data set."""
        return self._given or datasets.load(preparation.sized(self.experiment).data)

    def replace(self, experiment: Experiment) -> Classification:
        """Returns a task on the same data with other settings."""
        return Classification(experiment, self.__dict__.get("source", self._given))

    def small(self, folder: pathlib.Path) -> Task:
        """Returns the same task on a few of its images, for a dry run."""
        return dry_run.small(self, folder)

    def resolve(self) -> Experiment:
        """Fills in the length of the run, and the copies of its images."""
        return preparation.resolve(self.experiment)

    def draw_split(self) -> Split:
        """Draws the split that the settings describe with the run's seed."""
        data, seed = self.experiment.data, self.experiment.run.seed
        return splits.make_split(self.source, data.labels, data.validation, seed)

    def read_split(self, path: pathlib.Path) -> Split:
        """Reads a `split.json` and checks that it fits the data."""
        return splits.read_split(path, self.source)

    def describe_split(self, split: Split) -> str:
        """Returns a table of the numbers of images per class."""
        return splits.describe(split, self.source)

    def check_files(self, folder: pathlib.Path, split: Split) -> None:
        """Lists the files skipped while loading, which reads all files."""
        if self.source.skipped:
            text = "".join(f"{line}\n" for line in self.source.skipped)
            write_atomically(folder / SKIPPED, text)

    def require(self, split: Split, replicas: int) -> None:
        """Checks that the method can learn from the split."""
        batches = self._labeled(split, replicas)
        _ = batches.label_weights  # raises if all are 0
        if batches.recipe.unlabeled_views:
            require_unlabeled(self.experiment, split)

    def _labeled(self, split: Split, replicas: int) -> Pipeline:
        """Returns a pipeline without a store of unlabelled images."""
        run, recipe = self.experiment.run, self._recipe()
        parts = preparation.mixup_parts(self.experiment, replicas)
        return Pipeline(
            self.source, split, recipe, run.seed, run.batch, mixup_parts=parts
        )

    def read_pseudo_labels(
        self, place: pathlib.Path, split: Split
    ) -> pseudo_labels.PseudoLabels:
        """Reads a file of pseudo labels, and prints how many there are."""
        pseudo = pseudo_labels.read(place, split, self.source.num_classes)
        print(
            f"{int(pseudo.kept.sum()):,} of {len(pseudo.kept):,} unlabelled images "
            f"have pseudo labels, from {place}",
            flush=True,
        )
        return pseudo

    def pipeline(
        self,
        split: Split,
        pseudo: Optional[pseudo_labels.PseudoLabels],
        replicas: int,
    ) -> Pipeline:
        """Returns the pipeline, with augmented copies of the unlabelled images."""
        self.require(split, replicas)
        batches = self._labeled(split, replicas)
        if not batches.recipe.unlabeled_views:
            return batches
        copies = preparation.unlabeled_copies(self.experiment, self.source, split)
        store = preparation.open_copies(self.experiment, copies)
        return dataclasses.replace(
            batches, store=store, store_size=len(copies), pseudo=pseudo
        )

    def share_copies(self, split: Split, part: Part) -> None:
        """Makes a part of the copies, if `pipeline` reads them from a disk."""
        if self._recipe().unlabeled_views and len(split.unlabeled):
            copies = preparation.unlabeled_copies(self.experiment, self.source, split)
            preparation.share_copies(self.experiment, copies, part)

    def _recipe(self) -> Any:
        method = self.experiment.method_class()
        recipe = method.recipe(self.experiment.method)
        border = self.experiment.data.border
        return (
            recipe if border == "auto" else dataclasses.replace(recipe, border=border)
        )

    def show_inputs(self, log: Recorder, pipeline: Pipeline) -> None:
        """Logs a few unlabelled images with some of their augmented copies."""
        if pipeline.store is None:
            return
        copies = preparation.unlabeled_copies(
            self.experiment, self.source, pipeline.split
        )
        images, shown = min(8, len(copies.ids)), min(9, max(copies.count, 1))
        items = np.arange(images)[:, None] + np.arange(shown) * len(copies.ids)
        made = copies.maker()(tf.constant(items.ravel(), tf.int64)).numpy()
        made = made.reshape((images, shown) + copies.item_shape)
        log.show_copies(made, copies.images[copies.ids[:images]])

    def precompute(self, part: Optional[Part] = None) -> None:
        """Only makes the copies that a run of this experiment will read.

        Args:
            part: of their files; None: all.

        Raises:
            UserError: if they cannot be written.
        """
        split = choose_split(self)
        print(self.describe_split(split), flush=True)
        copies = preparation.unlabeled_copies(self.experiment, self.source, split)
        read = self._recipe().unlabeled_views and len(split.unlabeled)
        if not read or copies.plain:
            print("copies: none, this run reads none")
        elif part is None:
            preparation.open_copies(self.experiment, copies)
        else:
            preparation.make_copies(self.experiment, copies, part)

    def begin(
        self,
        algorithm: base.Algorithm,
        pipeline: Pipeline,
        folder: Optional[pathlib.Path],
    ) -> None:
        """Starts the method, with the fixed scores that its mask needs."""
        fixed_scores.begin(self, algorithm, pipeline, folder)

    def network(self) -> keras.Model:
        """Builds the untrained network."""
        source = self.source
        size = self._size(source.image_shape[0])
        network: keras.Model = self.experiment.network.build_at(
            size, source.image_shape, source.num_classes
        )
        return label_pairs.paired(network) if source.several_labels else network

    def _size(self, height: int) -> Optional[int]:
        """Returns the size within the network of images of this height."""
        size = self.experiment.data.image_size
        if size is not None and size < height:
            raise UsageError(
                f"--image_size={size}: images of {self.experiment.data.dataset} have "
                f"{height} pixels; expected at least as many"
            )
        return size

    def initialize(self, network: keras.Model) -> Optional[str]:
        """Sets weights computed from images, and loads published ones, if any."""
        self.experiment.network.adapt(network, self._sample)
        return self.experiment.network.initialize(network)

    def _sample(self, number: int) -> np.ndarray:
        """Returns up to `number` evenly spread training images as network inputs."""
        images = self.source.train.images
        chosen = np.linspace(0, len(images) - 1, min(number, len(images))).astype(int)
        return to_float(images[chosen]).numpy()

    def facts(self, split: Split) -> base.RunFacts:
        """Returns facts about the run that the algorithm needs."""
        several = self.source.several_labels
        if several:
            several_labels.require(self.experiment.algorithm)
        return base.RunFacts(
            2 if several else self.source.num_classes,  # each label is true or not
            len(split.labeled),
            self.experiment.run.steps,
            (self.experiment.data.mismatch or 0) / 100,
            **self.experiment.network.layer_rates(),
            unlabeled=len(split.unlabeled),
            noise_rate=noise.of_run(self.experiment, split, self.source.num_classes),
            pretrained=fixed_scores.begins_trained(self, split),
        )

    def log(self, folder: pathlib.Path) -> Recorder:
        """Opens the run's TensorBoard files and `metrics.csv`."""
        images = self.experiment.run.batch * self._recipe().images_per_label
        return Recorder(folder, self.source, images)

    def scorer(self) -> Scorer:
        """Returns a scorer for the experiment's network."""
        return self.load_scorer(self.model_facts())

    def evaluation(self, split: Split, scorer: Scorer, log: Recorder) -> Evaluation:
        """Returns the evaluation: errors, and detection of images of no class."""
        sets = {
            "validation": splits.validation_images(split, self.source),
            "test": self.source.test,
        }
        several = self.source.several_labels  # then no image is of no class
        strangers = None if several else detection.open_detection(self.source, split)
        return Evaluation(scorer, log, sets, strangers)

    def model_facts(self) -> Dict[str, Any]:
        """Returns image shape, size within the network, and classes, to be saved."""
        shape = self.source.image_shape
        return {
            "image_shape": list(shape),
            "network_size": self._size(shape[0]),
            "class_names": list(self.source.class_names),
            **({"several_labels": True} if self.source.several_labels else {}),
        }

    def load_scorer(self, facts: Mapping[str, Any]) -> Scorer:
        """Returns the scorer of a trained run, from the facts of `model_facts`."""
        scorer = LabelScorer if facts.get("several_labels") else Scorer
        made = scorer(
            self.experiment.network,
            tuple(facts["image_shape"]),
            len(facts["class_names"]),
            facts.get("network_size"),  # older runs did not resize images
        )
        method = self.experiment.method
        if not getattr(method, "ood_scores_from", ""):  # else it is another network's
            made.layer = getattr(method, "ood_layer", "")
        return made

    def summarize(self, rows: List[Row]) -> Dict[str, Any]:
        """Returns the scores for `results.json`."""
        found = results.summarize(rows)
        if getattr(self.experiment.method, "ood_score", "") == "oracle":
            found["warnings"] = [results.CHEATING]
        return found

    def rounds(self, folder: pathlib.Path, split: Split) -> Rounds:
        """Returns the hooks for the outer loop of a run in rounds."""
        return Rounds(self, folder, split)

    def describe(self, results_: Mapping[str, Any]) -> str:
        """Formats the results as a few lines for the terminal."""
        return results.describe(results_)
