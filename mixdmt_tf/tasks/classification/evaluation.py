"""Evaluation during training: errors, and detection of images of no class."""

from __future__ import annotations

import dataclasses
from typing import Callable, Dict, Mapping, Optional, Tuple

from mixdmt_tf.algorithms.base import Algorithm
from mixdmt_tf.data.classification.source import Images
from mixdmt_tf.runs import predictions
from mixdmt_tf.runs.rows import Row
from mixdmt_tf.tasks.classification import findings, scoring
from mixdmt_tf.tasks.classification.detection import Detection
from mixdmt_tf.tasks.classification.recorder import Recorder
from mixdmt_tf.tasks.classification.scoring import Scorer


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation:
    """Evaluates the weights of a run; see `runs.task.Evaluation`.

    Attributes:
        scorer: predicts with any weights.
        recorder: where scores are written.
        sets: the images to score, by name; None for sets that are empty.
        detection: unlabelled images, some of which belong to no class; None if there
            are none such, or it is unknown.
    """

    scorer: Scorer
    recorder: Recorder
    sets: Dict[str, Optional[Images]]
    detection: Optional[Detection]

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
        detected: Dict[str, float] = {}
        if self.detection:
            detected = self.detection.scores(self.scorer, algorithm, poll)
        row = self.recorder.record(step, scores, numbers, seconds, detected)
        if not self.scorer.several_labels:  # no findings for these
            answers = findings.as_arrays(scores, getattr(algorithm, "ood", None))
            predictions.write(self.recorder.folder, step, answers)
        errors = "  ".join(
            f"{name} {row[name + '_error']:.2f} % (raw {row[name + '_raw_error']:.2f})"
            for name in self.sets
            if name in scores
        )
        return (
            row,
            f"error {errors}" if errors else "no validation or test images to score",
        )
