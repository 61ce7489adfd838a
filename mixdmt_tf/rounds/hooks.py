"""What the outer loop of a run in rounds asks of its task."""

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

if TYPE_CHECKING:  # which import this module
    from mixdmt_tf.rounds.stages import Stages

Results = Mapping[str, Any]  # `results.json` of a stage
Entry = Dict[str, Any]  # one of `rounds` in `results.json` of the whole run


class Hooks(Protocol):
    """Lengths, labels, records and scores of rounds, by task.

    `stages` is always the run's `rounds.stages.Stages`.

    Attributes:
        few_images: fewer validation images cannot tell whether a round did harm.
    """

    few_images: int

    def labels_place(self, stage: Stage) -> pathlib.Path:
        """The file or folder of the pseudo labels that a stage learns from."""

    def base_steps(self, part: int) -> int:
        """Length of a base model that learns from `part` labelled images."""

    def round_steps(self, stage: Stage) -> int:
        """Length of a round."""

    def parts_of_labels(self, share: float) -> Tuple[np.ndarray, np.ndarray]:
        """Two parts of the labelled images that differ as much as they can (Eq. 11)."""

    def check(self, stages: Stages) -> None:
        """Refuses what cannot be trained, before anything is made.

        Raises:
            UserError: saying what to do.
        """

    def prepare(self) -> None:
        """Finds what is found once for all stages, unless it is there."""

    def found(self) -> Dict[str, Any]:
        """Settings of all stages by name: where they read what `prepare` found."""

    def validation_images(self) -> int:
        """The number of images that stages can be compared on."""

    def begin_labels(self, stages: Stages, stage: Stage) -> bool:
        """Makes ready for the parts of several workers (`guess`).

        Returns:
            Whether there is something to label that has parts.
        """

    def guess(self, stages: Stages, stage: Stage, part: Part) -> None:
        """Writes what the teacher of a stage says of a part of the images."""

    def label(self, stages: Stages, stage: Stage, parts: int = 1) -> None:
        """Asks the teacher of a stage for labels, unless its answers are there.

        Args:
            stages: of the run.
            stage: that learns from them.
            parts: how many workers have written theirs.
        """

    def results(self, stages: Stages, stage: Stage, results: Results) -> Dict[str, Any]:
        """Results of a finished stage: those of the checkpoint that counts."""

    def entry(self, stages: Stages, stage: Stage, results: Results) -> Entry:
        """What is recorded of a finished round."""

    def warnings(
        self, entry: Entry, earlier: Sequence[Entry], before: Results
    ) -> List[str]:
        """What got worse, in sentences.

        Args:
            entry: of the round.
            earlier: of the round before of the same model, if there is one.
            before: results of the stage before of the same model; none where its
                scores are of other validation images.
        """

    def describe(self, entry: Entry) -> str:
        """A round in one line."""

    def write(self, entries: Sequence[Entry]) -> None:
        """Writes `rounds.csv`."""

    def draw(self, entries: Sequence[Entry], bases: Mapping[str, Results]) -> None:
        """Draws the charts of all rounds, and writes TensorBoard's numbers.

        Args:
            entries: of the rounds so far.
            bases: results of each model's base, by model.
        """

    def clean_up(self, stage: Stage) -> None:
        """Removes what a finished round needs no more."""

    def rank(self, results: Results) -> float:
        """How bad a stage is on the validation images, in percentage points."""

    def deviation(self, stages: Stages, one: Stage, other: Stage) -> float:
        """Standard deviation of the difference of two stages' `rank`."""

    def summarize(self, bases: Mapping[str, Results]) -> Dict[str, Any]:
        """What `results.json` of the whole run holds of its base models, by stage."""
