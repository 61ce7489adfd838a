"""Scoring scenes: mean IoU at full size, in float32, with the network that is exported.

DMT (arXiv:2004.08514) Tables 4 to 7.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
)

import numpy as np
import tensorflow as tf

from mixdmt_tf import models
from mixdmt_tf.algorithms.base import Algorithm
from mixdmt_tf.data.pipeline import to_float
from mixdmt_tf.data.scenes.source import Scene
from mixdmt_tf.equations import confusion_counts, iou_by_class, mean_iou
from mixdmt_tf.experiments.evaluation import in_float32

STRIDE = 8  # the largest output stride below 16; larger ones are multiples of it
_READERS, _AHEAD = 2, 8  # threads, and scenes that wait in memory


class SceneScorer:
    """A float32 copy of the network that predicts every pixel of scenes of any size."""

    def __init__(self, network: str, config: Any, num_classes: int):
        """Builds the network.

        Args:
            network: name of the network's module.
            config: its `Config`.
            num_classes: C.
        """
        with in_float32():
            self.network = models.network(network).build_segmenter(
                config, (None, None, 3), num_classes, portable=True
            )
        self.stride = max(STRIDE, getattr(config, "output_stride", STRIDE))
        signature = [tf.TensorSpec((None, None, None, 3), tf.uint8)]
        self._guess = tf.function(self._guesses, input_signature=signature)

    def probabilities(self, images: tf.Tensor) -> tf.Tensor:
        """uint8 scenes [n, H, W, 3] to float32 probabilities [n, H, W, classes].

        The last row and column are repeated until the last feature lies on the last
        pixel, where upsampling with aligned corners puts it.
        """
        height, width = tf.shape(images)[1], tf.shape(images)[2]
        padded = images
        for axis, side in ((1, height), (2, width)):
            whole = side + (1 - side) % self.stride
            padded = tf.gather(padded, tf.minimum(tf.range(whole), side - 1), axis=axis)
        logits = self.network(to_float(padded), training=False)
        return tf.nn.softmax(logits[:, :height, :width])

    def use(self, weights: List[np.ndarray]) -> None:
        """Predicts with these weights from now on."""
        self.network.set_weights(weights)

    def predict(self, weights: List[np.ndarray], images: np.ndarray) -> np.ndarray:
        """Probabilities under these weights, float32 [n, H, W, classes].

        Args:
            weights: as the network's `get_weights` returns them.
            images: uint8 [n, H, W, 3].
        """
        self.use(weights)
        probabilities: np.ndarray = self.probabilities(tf.constant(images)).numpy()
        return probabilities

    def guess(self, image: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """The likeliest class of every pixel, and the doubt about it.

        Args:
            image: uint8 [H, W, 3].

        Returns:
            uint8 [H, W], and 1 - confidence as float16 [H, W].
        """
        classes, doubt = self._guess(image[np.newaxis])
        return classes[0].numpy(), doubt[0].numpy()

    def _guesses(self, images: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
        probs = self.probabilities(images)
        doubt = tf.clip_by_value(1.0 - tf.reduce_max(probs, -1), 0.0, 1.0)
        return tf.cast(tf.argmax(probs, -1), tf.uint8), tf.cast(doubt, tf.float16)


@dataclasses.dataclass(frozen=True)
class SceneScore:
    """How good predictions for one set of scenes are.

    Attributes:
        miou: percent.
        iou_by_class: percent [C], NaN for a class that does not occur.
        counts: int64 [C, C] pixels, true classes by predicted ones.
    """

    miou: float
    iou_by_class: np.ndarray
    counts: np.ndarray

    @property
    def pixel_accuracy(self) -> float:
        """Percent of the pixels."""
        return 100.0 * float(np.trace(self.counts) / max(self.counts.sum(), 1))


def of_counts(counts: np.ndarray) -> SceneScore:
    """The score that a confusion matrix stands for."""
    return SceneScore(mean_iou(counts), iou_by_class(counts), counts)


def read_ahead(
    read: Callable[[Any], Any], items: Sequence[Any]
) -> Iterator[Tuple[Any, Any]]:
    """(item, read(item)) in order; the next few are read by threads meanwhile."""
    with concurrent.futures.ThreadPoolExecutor(_READERS) as pool:
        waiting = [pool.submit(read, item) for item in items[:_AHEAD]]
        try:
            for place, item in enumerate(items):
                found = waiting.pop(0).result()
                if place + _AHEAD < len(items):
                    waiting.append(pool.submit(read, items[place + _AHEAD]))
                yield item, found
        finally:
            for each in waiting:
                each.cancel()


def confusions(
    scorer: SceneScorer,
    weights: List[np.ndarray],
    scenes: Sequence[Scene],
    poll: Callable[[], None] = lambda: None,
) -> Iterator[np.ndarray]:
    """The confusion matrix of each labelled scene, int64 [C, C]; as `score`."""
    scorer.use(weights)
    classes = scorer.network.output_shape[-1]

    def read(scene: Scene) -> Tuple[np.ndarray, Optional[np.ndarray]]:
        return scene.image(), scene.labels()

    for _, (image, labels) in read_ahead(read, scenes):
        poll()
        yield confusion_counts(labels, scorer.guess(image)[0], classes)


def score(
    scorer: SceneScorer,
    weights: List[np.ndarray],
    scenes: Sequence[Scene],
    poll: Callable[[], None] = lambda: None,
) -> SceneScore:
    """Scores weights on labelled scenes, at their full size.

    Args:
        scorer: the network.
        weights: as its `get_weights` returns them.
        scenes: of known labels.
        poll: called before each scene; may raise to stop.

    Raises:
        UserError: naming a file that can't be read.
    """
    return of_counts(sum(confusions(scorer, weights, scenes, poll)))


def evaluate(
    scorer: SceneScorer,
    algorithm: Algorithm,
    sets: Mapping[str, Optional[Sequence[Scene]]],
    poll: Callable[[], None] = lambda: None,
) -> Dict[str, SceneScore]:
    """Scores averaged and raw weights on each set; as `evaluation.evaluate`.

    Without an average (a decay of 0) the two are the same and scored once.
    """
    averaged = algorithm.average.in_network(algorithm.network)
    raw = algorithm.network.get_weights()
    same = equal(averaged, raw)
    scores = {}
    for name, scenes in sets.items():
        if scenes:
            scores[name] = score(scorer, averaged, scenes, poll)
            scores[name + "_raw"] = (
                scores[name] if same else score(scorer, raw, scenes, poll)
            )
    return scores


def equal(averaged: List[np.ndarray], raw: List[np.ndarray]) -> bool:
    """Whether two sets of weights are the same, so that one score serves both."""
    return all(np.array_equal(one, other) for one, other in zip(averaged, raw))
