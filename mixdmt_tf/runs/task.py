"""Interface between a training run and its task, classification or segmentation.

`mixdmt_tf.tasks` has the two implementations. All differences between the tasks are
behind these methods; runs and rounds use nothing else.
"""

from __future__ import annotations

import pathlib
from typing import Any, Callable, Dict, List, Mapping, Optional, Protocol, Tuple

import keras
import numpy as np

from mixdmt_tf.algorithms.base import Algorithm, RunFacts
from mixdmt_tf.data.part import Part
from mixdmt_tf.data.splits import Split
from mixdmt_tf.runs.experiment import Experiment
from mixdmt_tf.runs.log import Log
from mixdmt_tf.runs.rows import Row


class Scorer(Protocol):
    """A float32 copy of the network that predicts with any set of weights."""

    network: keras.Model

    def probabilities(self, images: Any) -> Any:
        """Computes probabilities of uint8 images, as the exported model does."""

    def decide(self, probabilities: Any) -> Any:
        """Converts probabilities [..., C] to labels, int32 [...]."""

    def answers(self, logits: Any) -> Any:
        """Computes probabilities from logits with Keras layers."""

    def predict(self, weights: List[np.ndarray], images: np.ndarray) -> np.ndarray:
        """Predicts float32 probabilities of uint8 images with these weights."""


class PseudoLabels(Protocol):
    """Pseudo labels that a run learns from."""

    facts: Mapping[str, Any]

    def digest(self) -> str:
        """Returns the SHA-256 digest of the pseudo labels, in hex."""


class Evaluation(Protocol):
    """Scores the weights during training and records the scores."""

    def __call__(
        self,
        step: int,
        algorithm: Algorithm,
        numbers: Mapping[str, float],
        seconds: float,
        poll: Callable[[], None],
    ) -> Tuple[Row, str]:
        """Scores averaged and raw weights.

        Args:
            step: number of finished steps.
            algorithm: the algorithm with the weights.
            numbers: the latest means of the training step, recorded with the scores.
            seconds: training time so far.
            poll: called periodically; may raise an exception to stop.

        Returns:
            The recorded row, and the scores as text.
        """


class Task(Protocol):
    """The task-specific part of an experiment: data, network, batches, scores.

    Attributes:
        experiment: all settings.
        measure: name of the score: 'error' (smaller is better) or 'miou'.
    """

    experiment: Experiment
    measure: str

    @property
    def source(self) -> Any:
        """The data set, loaded or opened on first access."""

    @property
    def colours(self) -> Optional[np.ndarray]:
        """Colours of the classes, uint8 [C, 3]; None without label maps."""

    def replace(self, experiment: Experiment) -> "Task":
        """Returns a task on the same data with other settings."""

    def small(self, folder: pathlib.Path) -> "Task":
        """Returns the same task on a few of its images, for a dry run.

        Args:
            folder: an empty folder for files that have to be written.
        """

    def resolve(self) -> Experiment:
        """Returns the settings with all unset values filled in: steps, copies.

        Raises:
            UserError: if this needs the data and they are missing.
        """

    def draw_split(self) -> Split:
        """Draws the split that the settings describe, with the run's seed."""

    def read_split(self, path: pathlib.Path) -> Split:
        """Reads a `split.json` and checks that it fits the data."""

    def describe_split(self, split: Split) -> str:
        """Describes the split in a few lines for the terminal."""

    def check_files(self, folder: pathlib.Path, split: Split) -> None:
        """Reads all files of the split, unless `folder` records that this was done.

        Raises:
            UserError: if files cannot be used; the message names them.
        """

    def require(self, split: Split, replicas: int) -> None:
        """Checks that the method can learn from the split, before anything is written.

        Args:
            split: split of the run.
            replicas: number of parts of each batch.

        Raises:
            UserError: if it lacks images that the method needs, or batches cannot be
                divided.
        """

    def read_pseudo_labels(self, place: pathlib.Path, split: Split) -> PseudoLabels:
        """Reads pseudo labels of the split's unlabelled images.

        Raises:
            UserError: if they are missing, damaged or belong to another split.
        """

    def share_copies(self, split: Split, part: Part) -> None:
        """Makes a part of the augmented copies, if `pipeline` reads them from a disk.

        Args:
            split: split of the run.
            part: the part of the files.
        """

    def pipeline(
        self, split: Split, pseudo: Optional[PseudoLabels], replicas: int
    ) -> Any:
        """Builds the input pipeline.

        Returns:
            An object with `dataset(start, stop, replicas)` and `at(step)`.

        Raises:
            UserError: if the split lacks images that the method needs, or if the batch
                cannot be divided among the replicas.
        """

    def show_inputs(self, log: Any, pipeline: Any) -> None:
        """Writes images that a new run trains on to TensorBoard."""

    def begin(
        self, algorithm: Algorithm, pipeline: Any, folder: Optional[pathlib.Path]
    ) -> None:
        """Prepares a method for its first step, with files of this or other runs.

        Args:
            algorithm: the algorithm, before its first step.
            pipeline: the run's batches and images.
            folder: the run's folder; None if there is none.
        """

    def network(self) -> keras.Model:
        """Builds the untrained network."""

    def initialize(self, network: keras.Model) -> Optional[str]:
        """Loads published weights if the settings name some.

        Returns:
            A description of the weights that were loaded; None if there were none.
        """

    def facts(self, split: Split) -> RunFacts:
        """Returns what the algorithm needs to know besides its own settings."""

    def log(self, folder: pathlib.Path) -> Log:
        """Opens the run's log: TensorBoard files and `metrics.csv`."""

    def scorer(self) -> Scorer:
        """Builds a scorer for the experiment's network."""

    def evaluation(self, split: Split, scorer: Scorer, log: Any) -> Evaluation:
        """Returns the function that scores the weights and records the scores."""

    def model_facts(self) -> Dict[str, Any]:
        """Returns what `load_scorer` needs, as JSON: `image_shape` and more."""

    def load_scorer(self, facts: Mapping[str, Any]) -> Scorer:
        """Builds the scorer of a trained run from its `model_facts`, without data."""

    def summarize(self, rows: List[Row]) -> Dict[str, Any]:
        """Computes the scores of `results.json` from the evaluations."""

    def rounds(self, folder: pathlib.Path, split: Split) -> Any:
        """Returns the task's `mixdmt_tf.rounds.hooks.Hooks`, for runs in rounds.

        Args:
            folder: folder of the whole run.
            split: split of the whole run.
        """

    def describe(self, results: Mapping[str, Any]) -> str:
        """Describes the results in a few lines for the terminal."""
