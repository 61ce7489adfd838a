"""Scores weights in float32, with exactly the network that is exported."""

from __future__ import annotations

import contextlib
import functools
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Optional,
    Tuple,
)

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf.algorithms.base import Algorithm
from mixdmt_tf.data.classification.source import Images
from mixdmt_tf.data.lazy_images import ImageArray
from mixdmt_tf.data.pixels import to_float
from mixdmt_tf.equations import accuracy_by_class, error_rate, fine_grained_accuracy
from mixdmt_tf.models import features
from mixdmt_tf.tasks.classification.scores import Score, Scored

BATCH = 500  # images per pass, if they are smaller than `LARGE`
LARGE = 64 * 64  # pixels; of images this large a pass has fewer, to save memory


@contextlib.contextmanager
def in_float32() -> Iterator[None]:
    """Makes networks built in the context compute in float32, whatever the policy."""
    policy = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("float32")
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(policy)


class Scorer:
    """A float32 copy of the network that predicts with any set of weights.

    It is separate from the network in training, so no weights have to be swapped back,
    and an interruption during an evaluation cannot mix up the two.

    Attributes:
        several_labels: whether an image has several labels (`label_scoring.py`).
        layer: layer whose output is used as features, '' for the inputs of the last
            dense layer.
    """

    several_labels = False
    layer = ""

    def __init__(
        self,
        network: Any,
        image_shape: Tuple[int, int, int],
        num_classes: int,
        size: Optional[int] = None,
    ):
        """Initializes the scorer; the network is built later.

        Args:
            network: settings of the network (`models.base.Network`).
            image_shape: (H, W, C).
            num_classes: C.
            size: height and width within the network, if different from the images'.
        """
        self._made_of = (network, size, tuple(image_shape), num_classes)
        self._signature = [tf.TensorSpec((None,) + tuple(image_shape), tf.uint8)]
        self._predict = tf.function(
            self.probabilities, input_signature=self._signature, autograph=False
        )
        self._features: Any = None  # traced on first use
        self._both: Any = None

    @functools.cached_property
    def network(self) -> keras.Model:
        """Model from images to logits, of stock Keras layers in float32.

        It is built on first access, so that it does not delay the first training step.
        """
        with tf.init_scope(), in_float32():  # or within a graph that is traced
            return self.build(*self._made_of)

    def build(
        self, network: Any, size: Any, image_shape: Tuple[int, int, int], classes: int
    ) -> keras.Model:
        """Builds the network of these settings; see `__init__`."""
        model: keras.Model = network.build_at(size, image_shape, classes, True)
        return model

    def probabilities(self, images: tf.Tensor) -> tf.Tensor:
        """Maps uint8 images [n, H, W, C] to float32 probabilities [n, classes]."""
        return tf.nn.softmax(self.network(to_float(images), training=False))

    def decide(self, probabilities: tf.Tensor) -> tf.Tensor:
        """Returns the class of each image, int32 [n]."""
        return tf.argmax(probabilities, -1, tf.int32)

    def answers(self, logits: Any) -> Any:
        """Adds the layer from logits to probabilities of an exported model."""
        return keras.layers.Softmax(dtype="float32")(logits)

    def judge(self, labels: np.ndarray, probabilities: np.ndarray) -> Scored:
        """Scores predictions [n, C] for classes int32 [n]."""
        predicted = probabilities.argmax(-1)
        return Score(
            error_rate(labels, predicted),
            fine_grained_accuracy(labels, probabilities),
            accuracy_by_class(labels, predicted, probabilities.shape[-1]),
            probabilities,
        )

    def predict(
        self,
        weights: List[np.ndarray],
        images: ImageArray,
        poll: Callable[[], None] = lambda: None,
    ) -> np.ndarray:
        """Predicts probabilities of many images with these weights.

        Args:
            weights: as the network's `get_weights` returns them.
            images: uint8 [n, H, W, C]; lazy ones are read pass by pass.
            poll: called before each pass; may raise an exception to stop.

        Returns:
            float32 [n, classes].
        """
        return self._map(self._predict, weights, images, poll)

    def outputs(
        self,
        weights: List[np.ndarray],
        images: ImageArray,
        poll: Callable[[], None] = lambda: None,
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Computes features and logits of many images; arguments of `predict`.

        Returns:
            Features, float32 [n, F], as from `features`, and logits [n, classes].
        """
        if self.layer:
            if self._both is None:
                self._both = self._compiled(features.with_features)
            both = self._both
            found = self._map(lambda x: tf.concat(both(x), 1), weights, images, poll)
            classes = int(self.network.output_shape[-1])
            return found[:, :-classes], found[:, -classes:]
        found = self.features(weights, images, poll)
        head = features.head(self.network)
        kernel, *bias = head.get_weights()  # whitened_cnn's has no bias
        logits = found @ kernel
        return found, logits + bias[0] if bias else logits

    def features(
        self,
        weights: List[np.ndarray],
        images: np.ndarray,
        poll: Callable[[], None] = lambda: None,
    ) -> np.ndarray:
        """Computes features (see `layer`) of many images; arguments of `predict`.

        Returns:
            float32 [n, F].
        """
        if self._features is None:
            self._features = self._compiled(features.extractor)
        return self._map(self._features, weights, images, poll)

    def _compiled(self, part: Callable[[keras.Model, str], keras.Model]) -> Any:
        """Compiles a part of the network, made by a function, for uint8 images."""
        model = part(self.network, self.layer)
        return tf.function(
            lambda images: model(to_float(images), training=False),
            input_signature=self._signature,
            autograph=False,
        )

    def _map(
        self,
        compute: Callable[[np.ndarray], tf.Tensor],
        weights: List[np.ndarray],
        images: np.ndarray,
        poll: Callable[[], None],
    ) -> np.ndarray:
        self.network.set_weights(weights)
        parts = []
        batch = images_per_pass(images)
        for start in range(0, len(images), batch):
            poll()
            parts.append(compute(images[start : start + batch]).numpy())
        return np.concatenate(parts)


def images_per_pass(images: ImageArray) -> int:
    """Returns how many of these images, uint8 [n, H, W, C], a scorer's pass has."""
    pixels = max(LARGE, int(np.prod(images.shape[1:3])))
    return max(1, BATCH * LARGE // pixels)


def score(
    scorer: Scorer,
    weights: List[np.ndarray],
    images: Images,
    poll: Callable[[], None] = lambda: None,
) -> Scored:
    """Scores weights on labelled images."""
    return scorer.judge(images.labels, scorer.predict(weights, images.images, poll))


def evaluate(
    scorer: Scorer,
    algorithm: Algorithm,
    sets: Dict[str, Optional[Images]],
    poll: Callable[[], None] = lambda: None,
) -> Dict[str, Scored]:
    """Scores EMA and raw weights on each set.

    Args:
        scorer: the network.
        algorithm: has the weights.
        sets: images by name, 'validation' and 'test'.
        poll: called regularly; may raise an exception to stop.

    Returns:
        Scores by name, 'test' for the EMA weights and 'test_raw' for the raw weights;
        sets without images are left out.
    """
    averaged = algorithm.average.in_network(algorithm.network)
    raw = algorithm.network.get_weights()
    sets = {name: each for name, each in sets.items() if each is not None and len(each)}
    scores = {n: score(scorer, averaged, each, poll) for n, each in sets.items()}
    if all(map(np.array_equal, averaged, raw)):  # there are no EMA weights
        return {**scores, **{f"{name}_raw": each for name, each in scores.items()}}
    for name, each in sets.items():
        scores[f"{name}_raw"] = score(scorer, raw, each, poll)
    return scores
