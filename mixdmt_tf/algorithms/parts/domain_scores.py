"""Scores from small networks that tell labelled images from unlabelled ones.

The more an unlabelled image is taken for a labelled one, the more likely it belongs to
one of the classes. Detector and classifier are separate networks, since consistency
training makes a classifier confident about strangers, images of none of the classes, as
well (Zhang et al. 2024, arXiv:2405.16093). No image is scored by a network that was
trained on it: the labelled images are split into five folds, the unlabelled ones into
two halves. Network k learns from the other four folds against one half, and scores fold
k and the other half. Scores become ranks within that half, to be comparable between
networks.

If some labelled classes are rarer among the unlabelled images than others, or absent,
their labelled images look like no unlabelled ones, and the share of strangers would be
overestimated. If a Kruskal-Wallis test of the ranks over classes finds this, the share
is estimated only from the classes that look least like labelled ones.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, Callable, List, Sequence, Tuple

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.algorithms.parts.image_scores import ImageScores
from mixdmt_tf.data import draws
from mixdmt_tf.data.augment import crop_flip
from mixdmt_tf.errors import UserError
from mixdmt_tf.progress import Progress

FOLDS = 5
STEPS = 400  # of each network; many more would overfit to few images
ROWS = 32  # of each kind in a batch
SIZE = 32  # pixels, maximum height and width
SHIFT = 2  # pixels
POOL = 10_000  # training images of a half, and size of the pool of ranks
CHUNK = 500
SIGNIFICANT = 0.01


@dataclasses.dataclass(frozen=True, eq=False)
class Images:
    """Training images of one network, in the size that networks take, in [-1, 1].

    Attributes:
        labeled: float32 [n, S, S, channels].
        unlabeled: float16 [m, S, S, channels], at most `POOL`.
        seed: seed of the run.
    """

    labeled: np.ndarray
    unlabeled: np.ndarray
    seed: int


def domain_scores(pipeline: Any) -> ImageScores:
    """Trains the networks and scores all unlabelled images of a run.

    Memory holds only the unlabelled images that one network learns from, and later one
    batch of the pipeline at a time.

    Args:
        pipeline: the run's images (`data.classification.pipeline.Pipeline`).

    Returns:
        Mean ranks as scores; ranks of single networks as `held_out` and `pool`.

    Raises:
        UserError: if there are less than two unlabelled images.
    """
    pairs = [(_small(x), y) for x, y in pipeline.labeled_images()]
    labeled, classes = (np.concatenate(each) for each in zip(*pairs))
    number, seed = len(pipeline.split.unlabeled), pipeline.seed
    if number < 2:
        raise UserError(
            f"--ood_score=domain: there is {number} unlabelled image; expected at "
            "least 2, one to learn from and one to score"
        )
    rng = np.random.default_rng(seed)
    folds = _folds(classes, rng)
    halves = rng.permutation(number) % 2
    progress = Progress("detector of strangers", "steps")
    detector = _Detector(labeled.shape[1:], pipeline.source.flip)
    networks = []
    for fold in range(FOLDS):
        own = rng.permutation(np.flatnonzero(halves == fold % 2))[:POOL]
        unlabeled = _read(pipeline, own, labeled.shape[1:])
        images = Images(labeled[folds != fold], unlabeled, seed)
        networks.append(_trained(detector, images, fold, progress))
    progress.close()
    logits = _unlabeled_logits(networks, halves, pipeline)
    total, times, held_out = np.zeros(number), np.zeros(number), np.zeros(len(labeled))
    for fold, compute in enumerate(networks):
        other = halves != fold % 2
        pool = np.sort(logits[fold][other])

        def ranks(values: np.ndarray, pool: np.ndarray = pool) -> np.ndarray:
            return np.searchsorted(pool, values) / len(pool)

        total[other] += ranks(logits[fold][other])
        times[other] += 1
        held_out[folds == fold] = ranks(_map(compute, labeled[folds == fold]))
    kept, note = present_classes(held_out, classes, pipeline.source.class_names)
    return ImageScores(
        (total / np.maximum(times, 1)).astype(np.float32),
        held_out[kept],
        (np.arange(POOL) + 0.5) / POOL,
        note,
    )


def _unlabeled_logits(
    networks: Sequence[Any], halves: np.ndarray, pipeline: Any
) -> np.ndarray:
    """Returns logits [FOLDS, N] for the half a network has not seen; 0 elsewhere."""
    logits = np.zeros((len(networks), len(halves)), np.float32)
    start = 0
    for some in pipeline.unlabeled_images():
        images = _small(some).astype(np.float16)
        places = np.arange(start, start + len(images))
        start += len(images)
        for fold, compute in enumerate(networks):
            other = halves[places] != fold % 2
            logits[fold, places[other]] = _map(compute, images[other])
    return logits


def present_classes(
    ranks: np.ndarray, classes: np.ndarray, names: Sequence[str]
) -> Tuple[np.ndarray, str]:
    """Selects the labelled images from which to estimate the share of strangers.

    Args:
        ranks: float [n], larger means less like unlabelled images.
        classes: int [n].
        names: names of the classes 0, 1, ...

    Returns:
        A mask bool [n], and a note on classes that seem to be absent, '' for none.
    """
    from scipy.stats import kruskal

    found, counts = np.unique(classes, return_counts=True)
    groups = [ranks[classes == c] for c in found]
    alike = ranks.min() == ranks.max()  # the test is undefined for equal ranks
    if counts.min() < 2 or alike or kruskal(*groups).pvalue >= SIGNIFICANT:
        return np.ones(len(ranks), bool), ""
    deviation = np.sqrt(np.mean([np.var(each, ddof=1) for each in groups]))
    means = np.array([each.mean() for each in groups])
    present = means <= means.min() + 2 * deviation / np.sqrt(counts)
    missing = ", ".join(names[c] for c in found[~present])
    note = (
        f"the unlabelled images seem to lack {missing}, or to have few of "
        "them; the share of strangers is estimated from the others"
    )
    return np.isin(classes, found[present]), note


def _small(images: Any) -> np.ndarray:
    """Returns images in the size that networks take, float32."""
    if max(images.shape[1:3]) > SIZE:
        images = tf.image.resize(images, (SIZE, SIZE), "area")
    return np.asarray(images)


def _read(pipeline: Any, places: np.ndarray, shape: Tuple[int, ...]) -> np.ndarray:
    """Reads some unlabelled images, float16 [m, S, S, channels]."""
    found = np.zeros((len(places), *shape), np.float16)
    start = 0
    for some in pipeline.unlabeled_images(places):
        found[start : start + len(some)] = _small(some)
        start += len(some)
    return found


def _folds(classes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws a fold in [0, FOLDS) for each labelled image, stratified by class."""
    folds = np.zeros(len(classes), int)
    for c in np.unique(classes):
        same = rng.permutation(np.flatnonzero(classes == c))
        folds[same] = (np.arange(len(same)) + rng.integers(FOLDS)) % FOLDS
    if (folds == folds[0]).all():  # the network without this fold would have no images
        folds[0] = (folds[0] + 1) % FOLDS
    return folds


def network(input_shape: Tuple[int, ...], seed: int) -> keras.Model:
    """Builds a network with one logit for 'is a labelled image'.

    It has three convolutions and a hidden layer, but no batch normalization, whose
    statistics would mix both kinds of images.
    """
    layers: List[Any] = [keras.Input(input_shape)]

    def start(number: int) -> keras.initializers.Initializer:
        return keras.initializers.HeNormal(seed=seed + number)

    for number, filters in enumerate((32, 64, 128)):
        layers += [
            keras.layers.Conv2D(
                filters,
                3,
                padding="same",
                activation="relu",
                kernel_initializer=start(number),
                dtype="float32",
            ),
            keras.layers.MaxPooling2D(padding="same", dtype="float32"),
        ]
    layers.append(keras.layers.GlobalAveragePooling2D(dtype="float32"))
    for number, units, activation in ((3, 64, "relu"), (4, 1, None)):
        layers.append(
            keras.layers.Dense(
                units,
                activation,
                kernel_initializer=start(number),
                dtype="float32",
            )
        )
    return keras.Sequential(layers)


class _Detector:
    """The network with its training step and predictions, traced once for all folds."""

    def __init__(self, shape: Tuple[int, ...], flip: bool):
        """Creates network and optimizer, which are reset for each fold.

        Args:
            shape: shape of an image.
            flip: whether images may be flipped horizontally.
        """
        self.shape, self.flip = shape, flip
        self.model = network(shape, 0)
        self.optimizer = keras.optimizers.Adam(1e-3)
        self.optimizer.build(self.model.trainable_variables)
        self._beginning = [v.numpy() for v in compat.variables(self.optimizer)]
        self.step = tf.function(self._step, autograph=False)
        self.logits = tf.function(
            lambda x: self.model(x, training=False)[:, 0],
            autograph=False,
            reduce_retracing=True,
        )

    def begin(self, seed: int) -> None:
        """Resets weights and optimizer."""
        self.model.set_weights(network(self.shape, seed).get_weights())
        for variable, value in zip(compat.variables(self.optimizer), self._beginning):
            variable.assign(value)

    def answer(self, weights: List[np.ndarray], x: tf.Tensor) -> tf.Tensor:
        """Returns logits [n] of images, computed with the given weights."""
        self.model.set_weights(weights)
        return self.logits(x)

    def _step(self, x: tf.Tensor, key: tf.Tensor) -> None:
        """Trains on a batch with equally many images of both kinds."""
        truth = tf.constant([1.0] * ROWS + [0.0] * ROWS)
        moves = draws.uniform(key, [2 * ROWS, crop_flip.UNIFORMS])
        x = crop_flip.crop_flip(x, moves, SHIFT, self.flip, None)
        with tf.GradientTape() as tape:
            logits = self.model(x, training=True)[:, 0]
            losses = tf.nn.sigmoid_cross_entropy_with_logits(truth, logits)
            loss = tf.reduce_mean(losses)
        variables = self.model.trainable_variables
        gradients = tape.gradient(loss, variables)
        self.optimizer.apply_gradients(zip(gradients, variables))


def _trained(
    detector: _Detector, images: Images, fold: int, progress: Progress
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Trains a network, and returns its function from images to logits."""
    purpose = f"domain{fold}"
    detector.begin(images.seed * FOLDS + fold)
    rng = np.random.default_rng([images.seed, fold])
    for number in range(STEPS):
        x = images.labeled[rng.choice(len(images.labeled), ROWS)]
        u = images.unlabeled[rng.choice(len(images.unlabeled), ROWS)]
        u = u.astype(np.float32)
        key = draws.step_key(images.seed, purpose, number)
        detector.step(tf.constant(np.concatenate([x, u])), key)
        progress.update(fold * STEPS + number + 1, FOLDS * STEPS)
    return functools.partial(detector.answer, detector.model.get_weights())


def _map(compute: Any, images: np.ndarray) -> np.ndarray:
    parts = [
        compute(tf.constant(images[i : i + CHUNK].astype(np.float32))).numpy()
        for i in range(0, len(images), CHUNK)
    ]
    return np.concatenate([np.zeros(0, np.float32), *parts])  # works for no images
