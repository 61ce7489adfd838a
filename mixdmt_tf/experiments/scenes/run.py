"""One training run on scenes: data, scores, pictures."""

from __future__ import annotations

import pathlib
import re
from typing import Any, Dict, Optional, Tuple

import keras
import tensorflow as tf

from mixdmt_tf import models
from mixdmt_tf.algorithms import base
from mixdmt_tf.data.scenes import pseudo_labels
from mixdmt_tf.data.scenes.pipeline import ScenePipeline
from mixdmt_tf.data.scenes.source import Scenes
from mixdmt_tf.errors import UsageError, UserError
from mixdmt_tf.experiments import preparation as common
from mixdmt_tf.experiments import trained, transfer
from mixdmt_tf.experiments.experiment import Experiment
from mixdmt_tf.experiments.interrupts import Interrupts
from mixdmt_tf.experiments.scenes import evaluation, preparation, results
from mixdmt_tf.experiments.scenes.recorder import SceneRecorder
from mixdmt_tf.experiments.session import Session
from mixdmt_tf.experiments.transfer import HEADS
from mixdmt_tf.models import weights


class SceneRun(Session):
    """One run on scenes."""

    def __init__(
        self,
        experiment: Experiment,
        path: pathlib.Path,
        scenes: Scenes,
        strategy: tf.distribute.Strategy,
        interrupts: Interrupts,
    ):
        """Makes or reads the split, looks at all files that it needs, and prints it.

        Args:
            experiment: all settings, resolved.
            path: the run's folder.
            scenes: the data set.
            strategy: where it runs.
            interrupts: installed signal handlers.
        """
        super().__init__(experiment, path, strategy, interrupts)
        self.scenes = scenes
        self.class_names = scenes.class_names
        self.colours = scenes.colours
        self.split = common.find_split(experiment, path, scenes)
        self.pseudo = self._pseudo_labels()
        common.open_split(experiment, path, scenes)
        if not experiment.data.pseudo_labels:  # or it was seen with the base model
            preparation.check(path, scenes, self.split)
            print(preparation.describe(self.split, scenes), flush=True)
        self.sets = {"validation": scenes.validation, "test": scenes.test}
        per_step = experiment.run.batch * (1 + self.recipe.unlabeled_ratio)
        self.recorder: SceneRecorder = SceneRecorder(path, scenes, per_step)

    def _pipeline(self) -> ScenePipeline:
        run, data = self.experiment.run, self.experiment.data
        unlabeled = run.batch * self.recipe.unlabeled_ratio
        if unlabeled:
            self._require_unlabeled()
        if self.recipe.boxes and unlabeled % (2 * self.strategy.num_replicas_in_sync):
            raise UsageError(
                f"--algorithm={self.experiment.algorithm} pairs unlabelled images, and "
                f"--batch={run.batch} times --unlabeled_ratio="
                f"{self.recipe.unlabeled_ratio} is odd on a device"
            )
        return ScenePipeline(
            self.scenes,
            self.split,
            run.seed,
            run.batch,
            unlabeled,
            self.pseudo,
            self.recipe.boxes,
            data.crop_size,
            data.scale_range,
        )

    def _pseudo_labels(self) -> Optional[pseudo_labels.PseudoLabels]:
        place = self._pseudo_labels_place()
        if place is None:
            return None
        found = pseudo_labels.read(place, self.split, self.scenes.num_classes)
        transfer.require_labels_of_same_network(found, self.experiment)
        return found

    def _network(self) -> keras.Model:
        crop = self.experiment.data.crop_size or self.scenes.crop
        return models.network(self.experiment.run.network).build_segmenter(
            self.experiment.network, (*crop, 3), self.scenes.num_classes
        )

    def _task(self) -> base.Task:
        config = self.experiment.network
        return base.Task(
            self.scenes.num_classes,
            len(self.split.labeled),
            self.experiment.run.steps,
            head=HEADS,
            head_rate=getattr(config, "head_learning_rate_multiplier", 1.0),
        )

    def _initialize(self, network: keras.Model) -> None:
        """Weights of `init_from`, or of the file that the network's config names."""
        file = getattr(self.experiment.network, "pretrained", "")
        if file and not self.experiment.run.init_from:
            path = pathlib.Path(file).expanduser()
            print(f"{path}: {weights.load(network, path)}", flush=True)
            self.algorithm.average.restart()
        super()._initialize(network)

    def _prepare_scoring(self) -> None:
        network = self.experiment.network
        self.scorer = evaluation.SceneScorer(
            self.experiment.run.network, network, self.scenes.num_classes
        )
        trained.describe_data(self.path, self.scenes, network)

    def _train(self, pipeline: ScenePipeline, start: int) -> None:
        if not start:
            batch = pipeline.at(0)
            images, labels = batch["x"], batch["y"]
            if self.pseudo:
                images = tf.concat([images, batch["u"]], 0)
                labels = tf.concat([labels, batch["u_label"]], 0)
            self.recorder.show_batch(images[:8].numpy(), labels[:8].numpy())
        try:
            super()._train(pipeline, start)
        except tf.errors.OpError as error:
            # A file that can't be read any more: TensorFlow has made text of it.
            said = re.search(r"UserError: (.+?)\nTraceback", str(error), re.DOTALL)
            if not said:
                raise
            raise UserError(said[1]) from None

    def _score(self, step: int, seconds: float) -> Tuple[Dict[str, float], str]:
        scores = evaluation.evaluate(
            self.scorer, self.algorithm, self.sets, lambda: self._poll(step)
        )
        row = self.recorder.record(step, scores, self.numbers, seconds)
        said = "  ".join(
            f"{name} {row[name + '_miou']:.2f} % (raw {row[name + '_raw_miou']:.2f})"
            for name in self.sets
            if name in scores
        )
        return row, f"mean IoU {said}" if said else "no labelled scenes to score"

    def _summarize(self) -> Dict[str, Any]:
        return results.summarize(
            self.experiment,
            len(self.split.labeled),
            self.recorder.rows,
            self.class_names,
            preparation.test_set(self.scenes),
        )
