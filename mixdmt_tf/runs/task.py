"""What a training run asks of its task, classification or segmentation.

`mixdmt_tf.tasks` has the two implementations. Everything in which they differ is behind
these methods; runs and rounds know nothing else of them.
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
        """Probabilities of uint8 images, as the exported model computes them."""

    def decide(self, probabilities: Any) -> Any:
        """The labels that probabilities [..., C] mean, int32 [...]."""

    def answers(self, logits: Any) -> Any:
        """Probabilities from logits, by layers of Keras."""

    def predict(self, weights: List[np.ndarray], images: np.ndarray) -> np.ndarray:
        """Probabilities of uint8 images under these weights, float32."""


class PseudoLabels(Protocol):
    """Pseudo labels that a run learns from."""

    facts: Mapping[str, Any]

    def digest(self) -> str:
        """Sha256 in hex of what they say."""


class Evaluation(Protocol):
    """Scores the weights in training, and records the scores."""

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
            step: finished steps.
            algorithm: whose weights.
            numbers: the latest means of the training step, to be recorded with them.
            seconds: training time so far.
            poll: called now and then; may raise to stop.

        Returns:
            The recorded row, and the scores in words.
        """


class Task(Protocol):
    """One experiment as its task sees it: data, network, batches, scores.

    Attributes:
        experiment: all settings.
        measure: what results are called: 'error' (smaller is better) or 'miou'.
    """

    experiment: Experiment
    measure: str

    @property
    def source(self) -> Any:
        """The data set, loaded or opened when it is first asked for."""

    @property
    def colours(self) -> Optional[np.ndarray]:
        """Colours of the classes, uint8 [C, 3]; None where there are no label maps."""

    def replace(self, experiment: Experiment) -> "Task":
        """The same data under other settings."""

    def small(self, folder: pathlib.Path) -> "Task":
        """The same task on a few of its images, for a dry run.

        Args:
            folder: an empty one, for what has to be written.
        """

    def resolve(self) -> Experiment:
        """The settings with everything filled in that they leave open: steps, copies.

        Raises:
            UserError: if that takes the data, and they are not there.
        """

    def draw_split(self) -> Split:
        """The split that the settings describe, drawn with the run's seed."""

    def read_split(self, path: pathlib.Path) -> Split:
        """Reads a `split.json` and makes sure that it fits the data."""

    def describe_split(self, split: Split) -> str:
        """The split as a few lines for the terminal."""

    def check_files(self, folder: pathlib.Path, split: Split) -> None:
        """Reads all files of the split once, unless `folder` notes that it was done.

        Raises:
            UserError: with the names of files that cannot be used.
        """

    def read_pseudo_labels(self, place: pathlib.Path, split: Split) -> PseudoLabels:
        """Reads pseudo labels of the split's unlabelled images.

        Raises:
            UserError: if they are missing, damaged or of another split.
        """

    def share_copies(self, split: Split, part: Part) -> None:
        """Makes a part of the copies that `pipeline` reads from a disk, if it does.

        Args:
            split: of the run.
            part: of the files.
        """

    def pipeline(
        self, split: Split, pseudo: Optional[PseudoLabels], replicas: int
    ) -> Any:
        """The batches: an object with `dataset(start, stop, replicas)` and `at(step)`.

        Raises:
            UserError: if the split has no images of a kind that the method needs, or
                the batch cannot be divided.
        """

    def show_inputs(self, log: Any, pipeline: Any) -> None:
        """Shows in TensorBoard what a new run trains on."""

    def begin(
        self, algorithm: Algorithm, pipeline: Any, folder: Optional[pathlib.Path]
    ) -> None:
        """Has a method begin, with what it needs of other runs or of the run's folder.

        Args:
            algorithm: before its first step.
            pipeline: the run's batches and images.
            folder: the run's; None: there is none.
        """

    def network(self) -> keras.Model:
        """The network, untrained."""

    def initialize(self, network: keras.Model) -> Optional[str]:
        """Loads published weights, if the settings name some; says what was loaded."""

    def facts(self, split: Split) -> RunFacts:
        """What the algorithm must know of the run besides its own settings."""

    def log(self, folder: pathlib.Path) -> Log:
        """The run's TensorBoard files and `metrics.csv`."""

    def scorer(self) -> Scorer:
        """A scorer for the experiment's network."""

    def evaluation(self, split: Split, scorer: Scorer, log: Any) -> Evaluation:
        """What scores the weights at an evaluation, and records the scores."""

    def model_facts(self) -> Dict[str, Any]:
        """What `load_scorer` needs, as JSON: `image_shape` and more."""

    def load_scorer(self, facts: Mapping[str, Any]) -> Scorer:
        """The scorer of a trained run, from what `model_facts` said; needs no data."""

    def summarize(self, rows: List[Row]) -> Dict[str, Any]:
        """The scores of `results.json`, from the evaluations."""

    def rounds(self, folder: pathlib.Path, split: Split) -> Any:
        """What the outer loop of a run in rounds asks: `mixdmt_tf.rounds.hooks.Hooks`.

        Args:
            folder: of the whole run.
            split: of the whole run.
        """

    def describe(self, results: Mapping[str, Any]) -> str:
        """The results as a few lines for the terminal."""
