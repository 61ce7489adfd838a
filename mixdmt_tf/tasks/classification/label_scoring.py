"""Scoring of images with several labels: scorer, scores, and their description."""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, List, Sequence, Tuple

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf.data.pixels import to_float
from mixdmt_tf.equations import average_precision, recall_and_f1, wrong_decisions
from mixdmt_tf.models import label_pairs
from mixdmt_tf.tasks.classification.scoring import Scorer

THRESHOLD = 0.5  # smallest probability at which a label is predicted


@dataclasses.dataclass(frozen=True)
class LabelScore:
    """Scores (`scores.Scored`) for images with several labels each.

    Average precision, recall and F1 are NaN for labels that no image has.

    Attributes:
        error: percentage of the known labels that are predicted wrongly.
        average_precision: percent [L].
        recall: percent [L], at `THRESHOLD`.
        f1: percent [L], at `THRESHOLD`.
        probabilities: float32 [n, L].
    """

    error: float
    average_precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    probabilities: np.ndarray

    @property
    def numbers(self) -> Dict[str, float]:
        """Returns the error, and the mean average precision and F1 over labels."""
        return {
            "error": self.error,
            "map": _mean(self.average_precision),
            "f1": _mean(self.f1),
        }

    def by_class(self) -> Dict[str, np.ndarray]:
        """Returns percentages [L] by name."""
        return {
            "average_precision": self.average_precision,
            "f1": self.f1,
            "recall": self.recall,
        }

    def lines(self, names: Sequence[str]) -> List[str]:
        """Describes each label in a line."""
        width = max(map(len, names))
        return [
            f"  {name:<{width}}  average precision {precision:6.2f} %  F1 {f1:6.2f} %  "
            f"recall {recall:6.2f} %"
            for name, precision, f1, recall in zip(
                names, self.average_precision, self.f1, self.recall
            )
        ]

    def words(self) -> str:
        """Describes the scores besides the error."""
        found = self.numbers
        return f"mean average precision {found['map']:.2f} %, F1 {found['f1']:.2f} %"


def _mean(values: np.ndarray) -> float:
    """Averages over labels that some image has; NaN if there are none."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


class LabelScorer(Scorer):
    """The scorer of a network for several labels, with logits [n, L, 2]."""

    several_labels = True

    def build(
        self, network: Any, size: Any, image_shape: Tuple[int, int, int], labels: int
    ) -> keras.Model:
        """Builds the network with a zero beside each logit."""
        return label_pairs.paired(network.build_at(size, image_shape, labels, True))

    def probabilities(self, images: tf.Tensor) -> tf.Tensor:
        """Maps uint8 images [n, H, W, C] to label probabilities, float32 [n, L]."""
        return tf.nn.softmax(self.network(to_float(images), training=False))[..., 1]

    def decide(self, probabilities: tf.Tensor) -> tf.Tensor:
        """Returns the labels of each image, int32 [n, L] of zeros and ones."""
        return tf.cast(probabilities >= THRESHOLD, tf.int32)

    def answers(self, logits: Any) -> Any:
        """Adds the layers from logits to probabilities of an exported model."""
        return label_pairs.probabilities(logits)

    def judge(self, labels: np.ndarray, probabilities: np.ndarray) -> LabelScore:
        """Scores predictions [n, L] for labels int32 [n, L]."""
        recall, f1 = recall_and_f1(labels, probabilities, THRESHOLD)
        return LabelScore(
            wrong_decisions(labels, probabilities, THRESHOLD),
            average_precision(labels, probabilities),
            recall,
            f1,
            probabilities,
        )


def said(probabilities: np.ndarray, names: Sequence[str]) -> str:
    """Describes the labels of an image in words, from its probabilities [L]."""
    found = (name for name, p in zip(names, probabilities) if p >= THRESHOLD)
    return "; ".join(found)
