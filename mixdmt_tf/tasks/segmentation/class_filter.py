"""Segmentation restricted to the classes that another run finds in an image.

The fusion of s4GAN and MLMT (Mittal, Tatarchenko and Brox, arXiv:1908.05724): an
image-level classifier (`algorithms/segmentation/mlmt.py`) predicts which classes an
image shows, and no other classes are predicted for its pixels.
"""

from __future__ import annotations

import dataclasses
from typing import List, Sequence, Tuple

import numpy as np
import tensorflow as tf

from mixdmt_tf.data.segmentation.source import Sample
from mixdmt_tf.equations import filtered_logits
from mixdmt_tf.runs.trained import Trained
from mixdmt_tf.tasks.segmentation.scoring import Scorer


@dataclasses.dataclass(frozen=True)
class ClassFilter:
    """Decides which classes an image shows.

    Attributes:
        judge: a run of an image-level method; its EMA weights are used.
        threshold: smallest probability at which a class is kept.
        released: how other classes are filtered; see `equations.filtered_logits`.
    """

    judge: Trained
    threshold: float
    released: bool = False

    def kept(self, image: np.ndarray) -> np.ndarray:
        """Returns which classes an image shows; all if none reaches the threshold.

        Args:
            image: uint8 [H, W, 3].

        Returns:
            bool [C].
        """
        scorer = self.judge.scorer
        logits = tf.reduce_mean(scorer.logits(tf.constant(image[np.newaxis])), [1, 2])
        found: np.ndarray = tf.sigmoid(logits[0]).numpy() >= self.threshold
        return found if found.any() else np.ones_like(found)


class FilteredScorer:
    """Replaces a `Scorer`, with the class filter applied.

    Attributes:
        network: of the segmentation run.
    """

    def __init__(self, scorer: Scorer, class_filter: ClassFilter):
        """Initializes the scorer and loads the classifier's weights.

        Args:
            scorer: of the segmentation run.
            class_filter: decides which classes are kept.
        """
        self.scorer = scorer
        self.network = scorer.network
        self.filter = class_filter
        class_filter.judge.scorer.use(class_filter.judge.averaged)

    def use(self, weights: List[np.ndarray]) -> None:
        """Sets the segmentation weights for all following predictions."""
        self.scorer.use(weights)

    def classes(self, image: np.ndarray) -> np.ndarray:
        """Predicts classes among those that are kept; see `Scorer.classes`."""
        return self.guess(image)[0]

    def guess(self, image: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Predicts classes and uncertainty of those kept; see `Scorer.guess`."""
        logits = self.scorer.logits(tf.constant(image[np.newaxis]))
        kept = tf.broadcast_to(self.filter.kept(image), tf.shape(logits))
        probs = tf.nn.softmax(filtered_logits(logits, kept, self.filter.released))[0]
        doubt = tf.clip_by_value(1.0 - tf.reduce_max(probs, -1), 0.0, 1.0)
        classes = tf.cast(tf.argmax(probs, -1), tf.uint8)
        return classes.numpy(), tf.cast(doubt, tf.float16).numpy()


def verdicts(class_filter: ClassFilter, samples: Sequence[Sample]) -> np.ndarray:
    """Evaluates the filter on labelled images.

    Args:
        class_filter: the filter.
        samples: images with labels.

    Returns:
        int64 [2, 2]: counts of classes in images, absent or present by dropped or kept.
    """
    counts = np.zeros([2, 2], np.int64)
    class_filter.judge.scorer.use(class_filter.judge.averaged)
    for sample in samples:
        kept = class_filter.kept(sample.image())
        present = np.isin(np.arange(len(kept)), sample.labels())
        np.add.at(counts, (present.astype(int), kept.astype(int)), 1)
    return counts


def describe(counts: np.ndarray) -> str:
    """Describes the result of `verdicts` in words."""
    absent, present = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    return (
        f"of the classes that an image shows {present[1]:.2f} % are kept, of the "
        f"others {absent[0]:.2f} % are dropped"
    )
