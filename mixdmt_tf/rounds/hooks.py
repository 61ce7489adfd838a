"""Interface between the outer loop of a run in rounds and its task."""

from __future__ import annotations

import pathlib
from typing import (
    TYPE_CHECKING,
    Any,
    Dict,
    List,
    Mapping,
    Protocol,
    Sequence,
    Tuple,
)

import numpy as np

from mixdmt_tf.data.part import Part
from mixdmt_tf.rounds.plan import Stage

if TYPE_CHECKING:  # it imports this module
    from mixdmt_tf.rounds.stages import Stages

Results = Mapping[str, Any]  # `results.json` of a stage
Entry = Dict[str, Any]  # one of `rounds` in `results.json` of the whole run


class Hooks(Protocol):
    """Lengths, pseudo labels, records and scores of rounds, implemented by each task.

    In all methods `stages` is the run's `rounds.stages.Stages`.

    Attributes:
        few_images: with fewer validation images than this, scores cannot tell whether
            a round did harm.
    """

    few_images: int

    def labels_place(self, stage: Stage) -> pathlib.Path:
        """Returns the file or folder of the pseudo labels that a stage learns from."""

    def base_steps(self, part: int) -> int:
        """Returns the steps of a base model that learns from `part` labelled images."""

    def round_steps(self, stage: Stage) -> int:
        """Returns the number of steps of a round."""

    def parts_of_labels(self, share: float) -> Tuple[np.ndarray, np.ndarray]:
        """Divides the labelled images into two maximally different parts (Eq. 11)."""

    def check(self, stages: Stages) -> None:
        """Checks the settings before any file is written.

        Raises:
            UserError: if the run cannot be trained; the message says what to do.
        """

    def prepare(self) -> None:
        """Computes what all stages share, unless it was computed before."""

    def found(self) -> Dict[str, Any]:
        """Returns settings for all stages that point to what `prepare` computed."""

    def validation_images(self) -> int:
        """Returns the number of validation images that stages are compared on."""

    def begin_labels(self, stages: Stages, stage: Stage) -> bool:
        """Prepares labelling by several workers, which each call `guess` for a part.

        Returns:
            Whether there is anything to label in parts.
        """

    def guess(self, stages: Stages, stage: Stage, part: Part) -> None:
        """Writes the teacher's predictions for a part of the images."""

    def label(self, stages: Stages, stage: Stage, parts: int = 1) -> None:
        """Has the teacher of a stage write its pseudo labels, unless they exist.

        Args:
            stages: all stages of the run.
            stage: the stage that learns from the pseudo labels.
            parts: number of workers that have written their part of the predictions.
        """

    def results(self, stages: Stages, stage: Stage, results: Results) -> Dict[str, Any]:
        """Returns the results of a finished stage at its selected checkpoint."""

    def entry(self, stages: Stages, stage: Stage, results: Results) -> Entry:
        """Returns the record of a finished round."""

    def warnings(
        self, entry: Entry, earlier: Sequence[Entry], before: Results
    ) -> List[str]:
        """Returns warnings about everything that got worse in a round.

        Args:
            entry: the round's record.
            earlier: the record of the same model's previous round, if there is one.
            before: results of the same model's previous stage; empty if it was scored
                on other validation images.
        """

    def describe(self, entry: Entry) -> str:
        """Describes a round in one line."""

    def write(self, entries: Sequence[Entry]) -> None:
        """Writes `rounds.csv`."""

    def draw(self, entries: Sequence[Entry], bases: Mapping[str, Results]) -> None:
        """Draws the charts of all rounds and writes TensorBoard's event files.

        Args:
            entries: records of the rounds so far.
            bases: results of the base models, by model.
        """

    def clean_up(self, stage: Stage) -> None:
        """Removes files that a finished round no longer needs."""

    def rank(self, results: Results) -> float:
        """Returns how bad a stage is on the validation images, in percentage points."""

    def deviation(self, stages: Stages, one: Stage, other: Stage) -> float:
        """Returns the standard deviation of the difference of two stages' `rank`."""

    def summarize(self, bases: Mapping[str, Results]) -> Dict[str, Any]:
        """Returns the base models' entries in `results.json` of the whole run.

        Args:
            bases: results of the base models, by stage.
        """
