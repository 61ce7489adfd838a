"""Scores of a run in training: mean IoU on validation and test images."""

from __future__ import annotations

import dataclasses
from typing import Callable, Dict, Mapping, Optional, Sequence, Tuple

from mixdmt_tf.algorithms.base import Algorithm
from mixdmt_tf.data.segmentation.source import Sample
from mixdmt_tf.runs import predictions
from mixdmt_tf.runs.rows import Row
from mixdmt_tf.tasks.segmentation import scoring
from mixdmt_tf.tasks.segmentation.recorder import Recorder
from mixdmt_tf.tasks.segmentation.scoring import Scorer


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation:
    """Evaluates the weights of a run; see `runs.task.Evaluation`.

    Attributes:
        scorer: predicts with any weights.
        recorder: where scores are written.
        sets: the images to score, by name; None for sets that are empty.
    """

    scorer: Scorer
    recorder: Recorder
    sets: Dict[str, Optional[Sequence[Sample]]]

    def __call__(
        self,
        step: int,
        algorithm: Algorithm,
        numbers: Mapping[str, float],
        seconds: float,
        poll: Callable[[], None],
    ) -> Tuple[Row, str]:
        """Scores EMA and raw weights; see `runs.task.Evaluation`."""
        scores = scoring.evaluate(self.scorer, algorithm, self.sets, poll)
        row = self.recorder.record(step, scores, numbers, seconds)
        counts = {
            f"{name}_counts": each.counts
            for name, each in scores.items()
            if not name.endswith("_raw")
        }
        predictions.write(self.recorder.folder, step, counts)
        mious = "  ".join(
            f"{name} {row[name + '_miou']:.2f} % (raw {row[name + '_raw_miou']:.2f})"
            for name in self.sets
            if name in scores
        )
        return row, f"mean IoU {mious}" if mious else "no labelled images to score"
