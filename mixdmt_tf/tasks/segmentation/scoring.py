"""Scores predictions by mean IoU at full size, in float32, with the exported network.

DMT (arXiv:2004.08514) Tables 4 to 7.
"""

from __future__ import annotations

import dataclasses
import functools
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

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf.algorithms.base import Algorithm
from mixdmt_tf.data.pixels import to_float
from mixdmt_tf.data.segmentation.source import Sample
from mixdmt_tf.equations import confusion_counts, iou_by_class, mean_iou
from mixdmt_tf.models.layers.borders import repeated_border
from mixdmt_tf.tasks.classification.scoring import in_float32
from mixdmt_tf.threads import read_ahead

STRIDE = 8  # the largest output stride below 16; larger ones are multiples of it


class Scorer:
    """A float32 copy of the network that predicts every pixel of images of any size."""

    def __init__(self, network: Any, num_classes: int, channels: int = 3):
        """Initializes the scorer; the network is built later.

        Args:
            network: settings of the network (`models.base.Network`).
            num_classes: C.
            channels: of the images.
        """
        self._made_of = (network, (None, None, channels), num_classes)
        # Networks of users, such as U-Nets, need sides that are multiples instead.
        self.rest = getattr(network, "rest", 1)
        stride = getattr(network, "output_stride", STRIDE)
        self.stride = max(STRIDE, stride) if self.rest else stride
        self._classes, self._guess = (
            tf.function(
                function,
                input_signature=[tf.TensorSpec((None, None, None, channels), tf.uint8)],
                autograph=False,
            )
            for function in (self._likeliest, self._guesses)
        )

    @functools.cached_property
    def network(self) -> keras.Model:
        """Model from images to logits; built on first access, as in classification."""
        settings, shape, classes = self._made_of
        with tf.init_scope(), in_float32():  # or within a graph that is traced
            return settings.build_segmenter(shape, classes, portable=True)

    def probabilities(self, images: tf.Tensor) -> tf.Tensor:
        """Maps uint8 images [n, H, W, 3] to float32 probabilities [n, H, W, C]."""
        return tf.nn.softmax(self.logits(images))

    def decide(self, probabilities: tf.Tensor) -> tf.Tensor:
        """Returns the class of each pixel, int32 [n, H, W]."""
        return tf.argmax(probabilities, -1, tf.int32)

    def answers(self, logits: Any) -> Any:
        """Adds the layer from logits to probabilities of an exported model."""
        return keras.layers.Softmax(dtype="float32")(logits)

    def logits(self, images: tf.Tensor) -> tf.Tensor:
        """Maps uint8 images [n, H, W, 3] to float32 logits [n, H, W, classes].

        The last row and column are repeated until the last feature lies on the last
        pixel, where upsampling with aligned corners puts it.
        """
        height, width = tf.shape(images)[1], tf.shape(images)[2]
        padded = repeated_border(images, self.stride, self.rest)
        logits = self.network(to_float(padded), training=False)
        return logits[:, :height, :width]

    def use(self, weights: List[np.ndarray]) -> None:
        """Sets the weights for all following predictions."""
        self.network.set_weights(weights)

    def predict(self, weights: List[np.ndarray], images: np.ndarray) -> np.ndarray:
        """Predicts probabilities with these weights, float32 [n, H, W, classes].

        Args:
            weights: as the network's `get_weights` returns them.
            images: uint8 [n, H, W, 3].
        """
        self.use(weights)
        probabilities: np.ndarray = self.probabilities(tf.constant(images)).numpy()
        return probabilities

    def classes(self, image: np.ndarray) -> np.ndarray:
        """Predicts the class of every pixel, which is all that scores need.

        Args:
            image: uint8 [H, W, 3].

        Returns:
            uint8 [H, W], the same classes as of `guess`.
        """
        found: np.ndarray = self._classes(image[np.newaxis])[0].numpy()
        return found

    def guess(self, image: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Predicts the class of every pixel, and its uncertainty.

        Args:
            image: uint8 [H, W, 3].

        Returns:
            uint8 [H, W], and 1 - confidence as float16 [H, W].
        """
        classes, doubt = self._guess(image[np.newaxis])
        return classes[0].numpy(), doubt[0].numpy()

    def _likeliest(self, images: tf.Tensor) -> tf.Tensor:
        # Argmax of probabilities, as everywhere: rounding may turn logits into ties.
        return tf.cast(tf.argmax(self.probabilities(images), -1), tf.uint8)

    def _guesses(self, images: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
        probs = self.probabilities(images)
        doubt = tf.clip_by_value(1.0 - tf.reduce_max(probs, -1), 0.0, 1.0)
        return tf.cast(tf.argmax(probs, -1), tf.uint8), tf.cast(doubt, tf.float16)


@dataclasses.dataclass(frozen=True)
class Score:
    """Scores of the predictions for one set of images.

    Attributes:
        miou: mean IoU in percent.
        iou_by_class: percent [C], NaN for a class that does not occur.
        counts: int64 [C, C] pixels, true classes by predicted ones.
    """

    miou: float
    iou_by_class: np.ndarray
    counts: np.ndarray

    @property
    def pixel_accuracy(self) -> float:
        """Percentage of pixels that are predicted correctly."""
        return 100.0 * float(np.trace(self.counts) / max(self.counts.sum(), 1))


def of_counts(counts: np.ndarray) -> Score:
    """Computes the score from a confusion matrix."""
    return Score(mean_iou(counts), iou_by_class(counts), counts)


def confusions(
    scorer: Scorer,
    weights: List[np.ndarray],
    samples: Sequence[Sample],
    poll: Callable[[], None] = lambda: None,
) -> Iterator[np.ndarray]:
    """Yields each labelled image's confusion matrix, int64 [C, C]; see `score`."""
    scorer.use(weights)
    classes = scorer.network.output_shape[-1]

    def read(sample: Sample) -> Tuple[np.ndarray, Optional[np.ndarray]]:
        return sample.image(), sample.labels()

    for _, (image, labels) in read_ahead(read, samples):
        poll()
        yield confusion_counts(labels, scorer.classes(image), classes)


def score(
    scorer: Scorer,
    weights: List[np.ndarray],
    samples: Sequence[Sample],
    poll: Callable[[], None] = lambda: None,
) -> Score:
    """Scores weights on labelled images, at their full size.

    Args:
        scorer: the network.
        weights: as its `get_weights` returns them.
        samples: images with labels.
        poll: called before each image; may raise an exception to stop.

    Raises:
        UserError: if a file can't be read; names it.
    """
    return of_counts(sum(confusions(scorer, weights, samples, poll)))


def evaluate(
    scorer: Scorer,
    algorithm: Algorithm,
    sets: Mapping[str, Optional[Sequence[Sample]]],
    poll: Callable[[], None] = lambda: None,
) -> Dict[str, Score]:
    """Scores EMA and raw weights on each set, as `evaluate` of classification does.

    Without EMA weights (a decay of 0) the two are the same and are scored once.
    """
    averaged = algorithm.average.in_network(algorithm.network)
    raw = algorithm.network.get_weights()
    same = equal(averaged, raw)
    scores = {}
    for name, samples in sets.items():
        if samples:
            scores[name] = score(scorer, averaged, samples, poll)
            scores[name + "_raw"] = (
                scores[name] if same else score(scorer, raw, samples, poll)
            )
    return scores


def equal(averaged: List[np.ndarray], raw: List[np.ndarray]) -> bool:
    """Returns whether two lists of weights are equal, so that they have one score."""
    return all(np.array_equal(one, other) for one, other in zip(averaged, raw))
