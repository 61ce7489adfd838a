"""Scores from small networks that tell labelled images from unlabelled ones.

The more an unlabelled image is taken for a labelled one, the likelier it is of a class.
Detector and classifier are apart, since consistency training makes a classifier sure of
strangers as well (Zhang et al. 2024, arXiv:2405.16093). Nobody is scored by a network
that has seen him: the labelled images are in five folds, the unlabelled ones in two
halves; network k learns from the other four folds against one half, and scores fold k
and the other half. Scores become ranks within that half, which networks have in common.

Where some labelled classes are rarer among the unlabelled images than others, or
absent, a labelled image of these looks like no unlabelled one, and the share of
strangers would come out too large. Then, by a test of Kruskal and Wallis of the ranks
over classes, the share is estimated from the classes alone that look least like
labelled ones.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, List, Tuple

import keras
import numpy as np
import tensorflow as tf

from mixdmt_tf import compat
from mixdmt_tf.algorithms.parts.image_scores import ImageScores
from mixdmt_tf.data import draws
from mixdmt_tf.data.augment import crop_flip
from mixdmt_tf.progress import Progress

FOLDS = 5
STEPS = 400  # of each network; with many more it would know few images by heart
ROWS = 32  # of each kind in a batch
SIZE = 32  # pixels, height and width at most
SHIFT = 2  # pixels
POOL = 10_000  # images of a half that are learnt from and that ranks are within
CHUNK = 500
SIGNIFICANT = 0.01


@dataclasses.dataclass(frozen=True, eq=False)
class Images:
    """All images of a run in the size that the networks take, float32 in [-1, 1].

    Attributes:
        labeled: [n, S, S, channels].
        classes: int [n].
        unlabeled: [N, S, S, channels] as float16.
        flip: whether mirror images are as good.
        seed: the run's.
    """

    labeled: np.ndarray
    classes: np.ndarray
    unlabeled: np.ndarray
    flip: bool
    seed: int

    @functools.cached_property
    def detector(self) -> _Detector:
        """What is trained on them, once for each fold."""
        return _Detector(self.labeled.shape[1:], self.flip)


def domain_scores(pipeline: Any) -> ImageScores:
    """Trains the networks and scores all unlabelled images of a run.

    Args:
        pipeline: the run's images (`data.classification.pipeline.Pipeline`).

    Returns:
        Mean ranks as scores; ranks of single networks as `held_out` and `pool`.
    """
    images = _read(pipeline)
    rng = np.random.default_rng(images.seed)
    folds = _folds(images.classes, rng)
    halves = rng.permutation(len(images.unlabeled)) % 2
    total = np.zeros(len(images.unlabeled))
    times = np.zeros(len(images.unlabeled))
    held_out = np.zeros(len(images.labeled))
    progress = Progress("detector of strangers", "steps")
    for fold in range(FOLDS):
        own = rng.permutation(np.flatnonzero(halves == fold % 2))[:POOL]
        other = np.flatnonzero(halves != fold % 2)
        compute = _trained(images, folds != fold, own, fold, progress)
        scores = _map(compute, images.unlabeled[other])
        pool = np.sort(scores)

        def ranks(values: np.ndarray, pool: np.ndarray = pool) -> np.ndarray:
            return np.searchsorted(pool, values) / len(pool)

        total[other] += ranks(scores)
        times[other] += 1
        held_out[folds == fold] = ranks(_map(compute, images.labeled[folds == fold]))
    progress.close()
    kept, note = present_classes(held_out, images.classes)
    return ImageScores(
        (total / np.maximum(times, 1)).astype(np.float32),
        held_out[kept],
        (np.arange(POOL) + 0.5) / POOL,
        note,
    )


def present_classes(ranks: np.ndarray, classes: np.ndarray) -> Tuple[np.ndarray, str]:
    """Of which labelled images the share of strangers is to be estimated.

    Args:
        ranks: float [n], larger means less like unlabelled images.
        classes: int [n].

    Returns:
        bool [n], and a note on classes that seem to be absent, '' if none does.
    """
    from scipy.stats import kruskal

    found, counts = np.unique(classes, return_counts=True)
    groups = [ranks[classes == c] for c in found]
    alike = ranks.min() == ranks.max()  # of which there is no test
    if counts.min() < 2 or alike or kruskal(*groups).pvalue >= SIGNIFICANT:
        return np.ones(len(ranks), bool), ""
    deviation = np.sqrt(np.mean([np.var(each, ddof=1) for each in groups]))
    means = np.array([each.mean() for each in groups])
    present = means <= means.min() + 2 * deviation / np.sqrt(counts)
    missing = ", ".join(str(c) for c in found[~present])
    note = (
        f"the unlabelled images seem to lack classes {missing}, or to have few of "
        "them; the share of strangers is estimated from the others"
    )
    return np.isin(classes, found[present]), note


def _read(pipeline: Any) -> Images:
    def small(images: Any) -> np.ndarray:
        height, width = images.shape[1:3]
        if max(height, width) > SIZE:
            images = tf.image.resize(images, (SIZE, SIZE), "area")
        return np.asarray(images)

    labeled, classes = zip(*pipeline.labeled_images())
    unlabeled = [small(x).astype(np.float16) for x in pipeline.unlabeled_images()]
    return Images(
        np.concatenate([small(each) for each in labeled]),
        np.concatenate(classes),
        np.concatenate(unlabeled),
        pipeline.source.flip,
        pipeline.seed,
    )


def _folds(classes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A fold in [0, FOLDS) for each labelled image, classes spread evenly."""
    folds = np.zeros(len(classes), int)
    for c in np.unique(classes):
        same = rng.permutation(np.flatnonzero(classes == c))
        folds[same] = (np.arange(len(same)) + rng.integers(FOLDS)) % FOLDS
    return folds


def network(input_shape: Tuple[int, ...], seed: int) -> keras.Model:
    """Three convolutions and a hidden layer, to one logit: 'a labelled image'.

    There is no batch normalization: its statistics would be those of both kinds.
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
    """The network, its training step and its answers, traced once for all folds."""

    def __init__(self, shape: Tuple[int, ...], flip: bool):
        """Makes what each fold begins anew.

        Args:
            shape: of an image.
            flip: whether mirror images are as good.
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
        """Forgets all training."""
        self.model.set_weights(network(self.shape, seed).get_weights())
        for variable, value in zip(compat.variables(self.optimizer), self._beginning):
            variable.assign(value)

    def _step(self, x: tf.Tensor, key: tf.Tensor) -> None:
        """Learns from as many images of the one kind as of the other."""
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
    images: Images, wanted: np.ndarray, pool: np.ndarray, fold: int, progress: Progress
) -> Any:
    """A function from images to logits, trained on these against those.

    It is that of the next fold, too, once that one is trained.
    """
    detector, purpose = images.detector, f"domain{fold}"
    detector.begin(images.seed * FOLDS + fold)
    rng = np.random.default_rng([images.seed, fold])
    labeled = np.flatnonzero(wanted)
    for number in range(STEPS):
        x = images.labeled[rng.choice(labeled, ROWS)]
        u = images.unlabeled[rng.choice(pool, ROWS)].astype(np.float32)
        key = draws.step_key(images.seed, purpose, number)
        detector.step(tf.constant(np.concatenate([x, u])), key)
        progress.update(fold * STEPS + number + 1, FOLDS * STEPS)
    return detector.logits


def _map(compute: Any, images: np.ndarray) -> np.ndarray:
    parts = [
        compute(tf.constant(images[i : i + CHUNK].astype(np.float32))).numpy()
        for i in range(0, len(images), CHUNK)
    ]
    return np.concatenate([np.zeros(0, np.float32), *parts])  # of no images: none
